//! `template.yaml` against the code: topics, routes, permissions, what runs before what. Each
//! function's own tests hold its environment (`functions/*/tests/function/template.rs`).

mod built;
mod permissions;
mod routes;
mod topics;
