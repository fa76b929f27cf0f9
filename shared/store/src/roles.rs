//! The roles of the database: who may do what. They are the server's, not the database's, so one
//! server has one set of them.

use crate::{Connection, StoreError};

/// How the functions' roles log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DatabaseRoles {
    /// No roles are made; everybody works as who they are
    None,
    /// Roles that may log in once somebody gives them passwords, or whose members do
    Password,
    /// Roles of RDS or Aurora that log in with IAM tokens
    Iam,
}

/// Makes the role `weir_reader` where this user may, and sets its limits again, which it may have
/// changed.
pub(crate) async fn make_reader(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.client().batch_execute(include_str!("sql/reader_role.sql")).await?)
}

/// Lets `weir_reader` read the schema `api`, where there is such a role.
pub(crate) async fn open_reader(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.client().batch_execute(include_str!("sql/open_reader.sql")).await?)
}

/// Makes the roles, and acts as the one that owns the schema from now on. A schema that somebody
/// made without roles stays theirs.
pub(crate) async fn begin(connection: &Connection, roles: DatabaseRoles) -> Result<(), StoreError> {
    let client = connection.client();
    client.batch_execute(include_str!("sql/roles.sql")).await?;
    if roles == DatabaseRoles::Iam {
        client
            .batch_execute("-- iam_roles\nGRANT rds_iam TO weir_ingest, weir_api, weir_dump")
            .await?;
    }
    let owner: String =
        client.query_one(include_str!("sql/schema_owner.sql"), &[]).await?.try_get("owner")?;
    // Quoted by PostgreSQL itself.
    Ok(client.batch_execute(&["SET ROLE ", &owner].concat()).await?)
}

/// Gives each role its rights, and takes away what it had besides.
pub(crate) async fn grant(connection: &Connection) -> Result<(), StoreError> {
    let client = connection.client();
    let statements: String = client
        .query_one(include_str!("sql/grant_statements.sql"), &[])
        .await?
        .try_get("statements")?;
    Ok(client.batch_execute(&statements).await?)
}
