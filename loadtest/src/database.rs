//! The database of a server that the driver started, reached over its private socket: to write
//! members, for which the public interface is too slow.

use std::path::Path;

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use crate::failure::{Doing, Outcome};
use crate::populate::World;

/// Rows in one statement.
const CHUNK: usize = 20_000;

/// The superuser of the private cluster.
pub(crate) const ROLE: &str = "app";

/// A connection.
pub(crate) struct Database(Client);

impl Database {
    /// Connects to the server's own database.
    pub(crate) async fn connect(socket: &Path) -> Outcome<Self> {
        let mut config = Config::new();
        config
            .host_path(socket)
            .port(5432)
            .user(ROLE)
            .dbname("chatalot");
        let (client, connection) = config
            .connect(NoTls)
            .await
            .doing("connect to the private PostgreSQL")?;
        // It ends with the client or with the database; whoever asks next is told.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self(client))
    }

    /// Runs a command.
    pub(crate) async fn run(&self, sql: &str) -> Outcome<()> {
        self.0.batch_execute(sql).await.doing(format!("run: {sql}"))
    }

    /// Writes the members of `world`, signed in, into the community and their channels.
    pub(crate) async fn add_members(&self, community: &str, world: &World) -> Outcome<()> {
        let community: Uuid = community.parse().doing("read an id")?;
        for members in world.members.chunks(CHUNK) {
            let ids: Vec<Uuid> = members.iter().map(|it| it.id).collect();
            let names: Vec<&str> = members.iter().map(|it| it.name.as_str()).collect();
            let sessions: Vec<Uuid> = members.iter().map(|it| it.device).collect();
            let hash = |token: &str| Sha256::digest(token.as_bytes()).to_vec();
            let hashes: Vec<Vec<u8>> = members.iter().map(|it| hash(&it.token)).collect();
            // They share the owner's password, because making a hash for each would take hours.
            let users = "insert into users (id, username, display_name, password_hash, instance_role) \
                 select t.id, t.name, t.name, owner.password_hash, 'member' \
                 from unnest($1::uuid[], $2::text[]) as t (id, name), \
                 (select password_hash from users where instance_role = 'owner' limit 1) as owner";
            self.write(users, &[&ids, &names]).await?;
            let signed_in = "insert into sessions (id, user_id, token_hash) \
                 select * from unnest($1::uuid[], $2::uuid[], $3::bytea[])";
            self.write(signed_in, &[&sessions, &ids, &hashes]).await?;
            let joined = "insert into community_members (community_id, user_id, role) \
                 select $1, id, 'member' from unnest($2::uuid[]) as t (id)";
            self.write(joined, &[&community, &ids]).await?;
        }
        let mut pairs = Vec::new();
        for (channel, member) in world.pairs() {
            let channel: Uuid = channel.id.parse().doing("read an id")?;
            pairs.push((channel, member.id));
        }
        for pairs in pairs.chunks(CHUNK) {
            let (channels, members): (Vec<Uuid>, Vec<Uuid>) = pairs.iter().copied().unzip();
            let joined = "insert into channel_members (channel_id, user_id) \
                 select * from unnest($1::uuid[], $2::uuid[])";
            self.write(joined, &[&channels, &members]).await?;
        }
        // A database that has been in use for a while has statistics.
        self.run("analyze").await
    }

    async fn write(
        &self,
        sql: &str,
        parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Outcome<()> {
        let written = self.0.execute(sql, parameters).await;
        written.map(drop).doing("write members into the database")
    }
}
