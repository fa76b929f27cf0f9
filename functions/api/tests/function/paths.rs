//! Tests of paths with a stage, or with the path of an API mapping.

use crate::{child::ApiFunctionWorld, request::Request};

#[tokio::test]
async fn links_lead_on_below_a_stage() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    world.readings(5, 0).await?;
    let function = world.start(world.open())?;
    for is_rest in [false, true] {
        let (mut url, mut seen) =
            (Some("/prod/v1/readings?limit=2&sensor=speed".to_owned()), Vec::new());
        while let Some(asked) = url.take() {
            let request = Request { stage: "prod", ..Request::get(asked) };
            let page = if is_rest {
                function.ask_rest(request).await?
            } else {
                function.ask(request).await?
            };
            assert_eq!(page.status(), 200, "{}", page.0);
            seen.extend(
                page.json()
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|reading| reading["value"].as_f64()),
            );
            url = page.next();
            assert!(
                url.as_ref().is_none_or(
                    |url| url.starts_with("/prod/v1/readings?") && url.contains("sensor=speed")
                ),
                "{url:?}"
            );
        }
        assert_eq!(seen, [4.0, 3.0, 2.0, 1.0, 0.0].map(Some), "REST: {is_rest}");
    }
    Ok(())
}

#[tokio::test]
async fn without_a_stage_links_are_as_the_client_wrote_them() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    world.readings(3, 0).await?;
    let function = world.start(world.open())?;
    let next = function.get("/v1/readings?limit=1").await?.next();
    assert!(
        next.as_ref().is_some_and(|next| next.starts_with("/v1/readings?limit=1&cursor=")),
        "{next:?}"
    );
    // With a custom domain, the stage is in the event's path but not in the client's URL.
    let request = Request {
        stage: "prod",
        domain: "api.example.com",
        ..Request::get("/prod/v1/readings?limit=1")
    };
    assert!(
        function.ask(request).await?.next().is_some_and(|next| next.starts_with("/v1/readings?"))
    );
    Ok(())
}

#[tokio::test]
async fn the_path_of_an_api_mapping_is_a_setting() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    world.readings(3, 0).await?;
    let mut command = world.open();
    command.env("BASE_PATH", "/weir/");
    let function = world.start(command)?;
    let request = Request {
        stage: "prod",
        domain: "api.example.com",
        ..Request::get("/prod/v1/readings?limit=1")
    };
    assert!(
        function
            .ask(request)
            .await?
            .next()
            .is_some_and(|next| next.starts_with("/weir/v1/readings?"))
    );
    Ok(())
}

#[tokio::test]
async fn slashes_and_encoded_paths() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    let function = world.start(world.open())?;
    for (url, status) in [
        ("/prod/ping/", 200),
        ("/prod", 200),
        ("/prod/", 200),
        ("/prod/docs", 307),
        ("/prod/docs/", 200),
        ("/ping", 200),
    ] {
        let request = Request { stage: "prod", ..Request::get(url) };
        assert_eq!(function.ask(request).await?.status(), status, "{url}");
    }
    // API Gateway decodes paths. An odd path fails only its own request.
    for path in [
        "/build/a b",
        "/build/a%20b",
        "/build/é",
        "/build/%ff",
        "/build/<x>",
        "/build/a\"b",
        "/build/100%",
        "//",
        "/build/\u{1}",
    ] {
        let answer = function.get(path).await?;
        assert!((200..500).contains(&answer.status()), "{path} {}", answer.0);
    }
    Ok(())
}
