//! `template.yaml` against the code: topics, routes, permissions, order of deployment. The tests of
//! each function check its environment (`functions/*/tests/function/template.rs`).

mod built;
mod permissions;
mod routes;
mod topics;
