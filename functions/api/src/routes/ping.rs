//! `GET /ping`: whether the program runs. It does not use the database.

/// Returns `PONG`.
#[utoipa::path(
    get, path = "/ping", security(()),
    operation_id = "ping", tag = "system",
    responses((status = 200, description = "PONG.", body = String, content_type = "text/plain")),
)]
pub(crate) async fn ping() -> &'static str {
    "PONG"
}

#[cfg(test)]
mod tests {
    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn it_answers_without_a_database() {
        assert_eq!(ApiWorld::without_database().get("/ping").await.text(), "PONG");
    }
}
