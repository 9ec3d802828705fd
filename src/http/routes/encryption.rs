//! The routes of end-to-end encryption. Below `/api/e2ee` the paths are those of the Matrix
//! Client-Server API.

use super::{Routes, get, post, put};
use crate::http::encryption::{
    account_data, cross_signing, device_lists, key_claim, key_query, key_upload, room_key_backups,
    room_keys, signatures, to_device, whoami,
};

pub(super) fn add_to(routes: Routes) -> Routes {
    let routes = routes
        .at(
            "/api/e2ee/whoami",
            get(
                whoami::show,
                "Which device am I, by the names that keys have?",
            ),
        )
        .at(
            "/api/e2ee/keys/upload",
            post(key_upload::upload, "Upload the keys of one's device"),
        )
        .at(
            "/api/e2ee/keys/query",
            post(
                key_query::query,
                "Ask for the keys of users one shares a channel with",
            ),
        )
        .at(
            "/api/e2ee/keys/claim",
            post(
                key_claim::claim,
                "Take a one-time key of each of some devices",
            ),
        )
        .at(
            "/api/e2ee/keys/changes",
            get(
                device_lists::changes,
                "Ask whose keys changed since a place",
            ),
        )
        .at(
            "/api/e2ee/keys/device_signing/upload",
            post(
                cross_signing::upload,
                "Upload one's cross-signing keys; needs the password again",
            ),
        )
        .at(
            "/api/e2ee/keys/signatures/upload",
            post(signatures::upload, "Add signatures to keys"),
        )
        .at(
            "/api/e2ee/to_device/{event_type}/{txn_id}",
            put(to_device::send, "Send messages to single devices"),
        )
        .at(
            "/api/e2ee/account_data/{type}",
            get(account_data::show, "Get a sealed secret")
                .put(account_data::keep, "Keep a sealed secret")
                .delete(account_data::remove, "Forget a sealed secret"),
        );
    add_room_keys(routes)
}

fn add_room_keys(routes: Routes) -> Routes {
    routes
        .at(
            "/api/e2ee/room_keys/version",
            post(room_key_backups::create, "Begin a key backup")
                .get(room_key_backups::newest, "Show the newest key backup"),
        )
        .at(
            "/api/e2ee/room_keys/version/{version}",
            get(room_key_backups::show, "Show a key backup")
                .put(
                    room_key_backups::update,
                    "Replace what a key backup is sealed with",
                )
                .delete(
                    room_key_backups::remove,
                    "Delete a key backup with all its keys",
                ),
        )
        .at(
            "/api/e2ee/room_keys/keys",
            get(room_keys::all, "Get every key of a backup")
                .put(room_keys::put_all, "Back up keys of several rooms")
                .delete(room_keys::delete_all, "Delete every key of a backup"),
        )
        .at(
            "/api/e2ee/room_keys/keys/{room_id}",
            get(room_keys::of_room, "Get the keys of a room from a backup")
                .put(room_keys::put_room, "Back up keys of a room")
                .delete(
                    room_keys::delete_room,
                    "Delete the keys of a room from a backup",
                ),
        )
        .at(
            "/api/e2ee/room_keys/keys/{room_id}/{session_id}",
            get(room_keys::one, "Get one key from a backup")
                .put(room_keys::put_one, "Back up one key")
                .delete(room_keys::delete_one, "Delete one key from a backup"),
        )
}
