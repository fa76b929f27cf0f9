//! The query parameters of the routes of CDEvents.

#![expect(dead_code, reason = "the types exist only for the description")]

use utoipa::IntoParams;

/// The parts of an event's identity other than its id.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IdentityParams {
    /// `context.source`.
    source: Option<String>,
    /// `context.type`.
    r#type: Option<String>,
}

/// The time, the environment and the service.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeploymentParams {
    /// The instant; the default is now.
    #[param(format = DateTime)]
    at: Option<String>,
    /// Only deployments in this environment.
    environment: Option<String>,
    /// Only deployments of this service.
    service: Option<String>,
}

/// The window, the service and the environment.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DoraParams {
    /// The start of the window; the default is 30 days before its end.
    #[param(format = DateTime)]
    from: Option<String>,
    /// The end of the window; the default is now.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Only deployments of this service.
    service: Option<String>,
    /// Only deployments in this environment.
    environment: Option<String>,
}
