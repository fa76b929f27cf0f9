//! `weir` with the built-in models and plugins.

/// The API makes many small allocations with a short lifetime.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    weir::run(weir::models(), weir::plugins())
}
