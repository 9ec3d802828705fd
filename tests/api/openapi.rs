//! The OpenAPI document: complete, valid, and the same wherever it comes from.

use std::process::Command;

use serde_json::Value;

use crate::support::contract::Contract;

/// Every call of the interface that this server has.
const CALLS: &str = "
    POST /api/auth/register
    POST /api/auth/login
    POST /api/auth/logout
    GET /api/auth/session
    GET /api/auth/sessions
    DELETE /api/auth/sessions/{}
    POST /api/communities
    GET /api/communities
    GET /api/communities/{}
    PATCH /api/communities/{}
    DELETE /api/communities/{}
    GET /api/communities/{}/members
    PATCH /api/communities/{}/members/{}
    DELETE /api/communities/{}/members/{}
    POST /api/communities/{}/invites
    GET /api/communities/{}/invites
    DELETE /api/invites/{}
    GET /api/invites/{}
    POST /api/invites/{}/accept
    POST /api/communities/{}/channels
    GET /api/communities/{}/channels
    GET /api/channels/{}
    PATCH /api/channels/{}
    DELETE /api/channels/{}
    GET /api/channels/{}/members
    PUT /api/channels/{}/members/{}
    DELETE /api/channels/{}/members/{}
    GET /api/channels/{}/messages
    PUT /api/channels/{}/messages/{}
    PATCH /api/channels/{}/messages/{}
    DELETE /api/channels/{}/messages/{}
    POST /api/channels/{}/read
    POST /api/channels/{}/webhooks
    GET /api/channels/{}/webhooks
    PATCH /api/webhooks/{}
    DELETE /api/webhooks/{}
    POST /api/webhooks/execute/{}
    GET /api/notifications
    POST /api/notifications/read
    GET /api/instance
    GET /api/push/key
    POST /api/push/subscriptions
    GET /api/push/subscriptions
    DELETE /api/push/subscriptions/{}
    POST /api/push/subscriptions/{}/test
    GET /api/e2ee/whoami
    POST /api/e2ee/keys/upload
    POST /api/e2ee/keys/query
    POST /api/e2ee/keys/claim
    GET /api/e2ee/keys/changes
    POST /api/e2ee/keys/device_signing/upload
    POST /api/e2ee/keys/signatures/upload
    PUT /api/e2ee/to_device/{}/{}
    POST /api/e2ee/room_keys/version
    GET /api/e2ee/room_keys/version
    GET /api/e2ee/room_keys/version/{}
    PUT /api/e2ee/room_keys/version/{}
    DELETE /api/e2ee/room_keys/version/{}
    GET /api/e2ee/room_keys/keys
    PUT /api/e2ee/room_keys/keys
    DELETE /api/e2ee/room_keys/keys
    GET /api/e2ee/room_keys/keys/{}
    PUT /api/e2ee/room_keys/keys/{}
    DELETE /api/e2ee/room_keys/keys/{}
    GET /api/e2ee/room_keys/keys/{}/{}
    PUT /api/e2ee/room_keys/keys/{}/{}
    DELETE /api/e2ee/room_keys/keys/{}/{}
    GET /api/e2ee/account_data/{}
    PUT /api/e2ee/account_data/{}
    DELETE /api/e2ee/account_data/{}
";

fn without_names(template: &str) -> String {
    let segments = template.split('/').map(|segment| match segment {
        parameter if parameter.starts_with('{') => "{}",
        literal => literal,
    });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_names_every_call() {
    let contract = Contract::shared().await;
    let version = contract.document["openapi"].as_str().unwrap();
    assert!(version.starts_with("3.1"), "{version}");
    assert!(contract.document["info"]["title"].is_string());
    assert!(contract.document["info"]["version"].is_string());
    let operations = contract.operations();
    let documented: Vec<String> = operations
        .iter()
        .map(|(method, path)| format!("{method} {}", without_names(path)))
        .collect();
    let missing: Vec<&str> = CALLS
        .lines()
        .map(str::trim)
        .filter(|call| !call.is_empty() && !documented.iter().any(|it| it == call))
        .collect();
    assert!(missing.is_empty(), "not documented: {missing:#?}");
}

#[tokio::test]
async fn every_call_documents_its_parameters_answers_and_errors() {
    let contract = Contract::shared().await;
    for (method, path) in contract.operations() {
        let operation = &contract.document["paths"][&path][method.to_lowercase()];
        let context = format!("{method} {path}");
        let responses = operation["responses"].as_object().expect(&context);
        let success = responses
            .keys()
            .any(|status| status.starts_with(['1', '2']));
        assert!(success, "{context} has no success");
        for (status, response) in responses
            .iter()
            .filter(|(status, _)| *status >= &"400".to_owned())
        {
            let response = match response["$ref"].as_str() {
                Some(reference) => contract.document.pointer(&reference[1..]).expect(&context),
                None => response,
            };
            let content = response["content"].as_object().expect(&context);
            let types: Vec<&String> = content.keys().collect();
            assert_eq!(types, ["application/problem+json"], "{context} {status}");
        }
        let in_path = path.matches('{').count();
        let item = &contract.document["paths"][&path]["parameters"];
        let own = &operation["parameters"];
        let declared = [item, own]
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .count();
        assert_eq!(declared, in_path, "{context} declares its path parameters");
    }
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    fn walk(document: &Value, node: &Value) {
        match node {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').expect(reference);
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                members.values().for_each(|member| walk(document, member));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
            _ => {}
        }
    }
    let document = &Contract::shared().await.document;
    walk(document, document);
}

#[tokio::test]
async fn the_web_client_is_built_for_this_document() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/web/openapi.json");
    let text = std::fs::read_to_string(path).unwrap();
    let kept: Value = serde_json::from_str(&text).unwrap();
    assert!(
        kept == Contract::shared().await.document,
        "web/openapi.json is out of date: `make openapi` writes it anew"
    );
}

#[tokio::test]
async fn the_program_prints_the_same_document() {
    let output = Command::new(env!("CARGO_BIN_EXE_chatalot"))
        .arg("openapi")
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, Contract::shared().await.document);
}
