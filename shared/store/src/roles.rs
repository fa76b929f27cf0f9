//! The roles of the database and their rights. Roles belong to the server and not to one database,
//! so all databases of a server share them.

use crate::{Connection, StoreError};

/// The login method of the database roles of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DatabaseRoles {
    /// Create no roles; every function uses the user of its database URL
    None,
    /// Create roles without passwords; an operator sets the passwords or adds members
    Password,
    /// Create roles that log in to RDS or Aurora with IAM tokens
    Iam,
}

/// Creates the role `weir_reader` if this user may, and sets its limits again, because the role can
/// change them.
pub(crate) async fn make_reader(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.client().batch_execute(include_str!("sql/reader_role.sql")).await?)
}

/// Grants `weir_reader` read access to the schema `api`, if the role exists.
pub(crate) async fn open_reader(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.client().batch_execute(include_str!("sql/open_reader.sql")).await?)
}

/// Creates the roles, and acts as the owner of the schema from now on. A schema that was created
/// without roles keeps its owner.
pub(crate) async fn begin(connection: &Connection, roles: DatabaseRoles) -> Result<(), StoreError> {
    let client = connection.client();
    client.batch_execute(include_str!("sql/roles.sql")).await?;
    if roles == DatabaseRoles::Iam {
        client
            .batch_execute(
                "-- iam_roles\nGRANT rds_iam TO weir_ingest, weir_api, weir_dump, weir_operator",
            )
            .await?;
    }
    let owner: String =
        client.query_one(include_str!("sql/schema_owner.sql"), &[]).await?.try_get("owner")?;
    // PostgreSQL has quoted the name.
    Ok(client.batch_execute(&["SET ROLE ", &owner].concat()).await?)
}

/// Grants each role its rights, and revokes all other ones.
pub(crate) async fn grant(connection: &Connection) -> Result<(), StoreError> {
    let client = connection.client();
    let statements: String = client
        .query_one(include_str!("sql/grant_statements.sql"), &[])
        .await?
        .try_get("statements")?;
    Ok(client.batch_execute(&statements).await?)
}
