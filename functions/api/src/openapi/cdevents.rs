//! The query parameters of the routes of CDEvents.

#![expect(dead_code, reason = "they are there to be described")]

use utoipa::IntoParams;

/// What of an event's identity its id does not say.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IdentityParams {
    /// `context.source`.
    source: Option<String>,
    /// `context.type`.
    r#type: Option<String>,
}

/// When and where.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeploymentParams {
    /// At this instant; now, where it is not given.
    #[param(format = DateTime)]
    at: Option<String>,
    /// Only in this environment.
    environment: Option<String>,
    /// Only this service.
    service: Option<String>,
}

/// Which window, of what.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DoraParams {
    /// From this instant on; 30 days before the end, where it is not given.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Before this instant; now, where it is not given.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Only this service.
    service: Option<String>,
    /// Only in this environment.
    environment: Option<String>,
}
