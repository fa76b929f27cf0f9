//! `weir` with the built-in models and plugins.

fn main() -> std::process::ExitCode {
    weir::run(weir::models(), weir::plugins())
}
