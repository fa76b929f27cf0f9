//! Weir with a custom plugin.
//!
//! ```sh
//! cargo run -p own-plugin -- --plugins slow_builds
//! curl 'http://127.0.0.1:3000/plugins/slow_builds?over_ms=60000'
//! ```
//!
//! A plugin has a name, migrations that run in a schema of that name, code that handles new events
//! in the transaction that stores them, and routes below `/plugins/<name>`. Each part is optional.
//! See `slow_builds.rs`.

mod slow_builds;

use slow_builds::SlowBuilds;
use weir_plugin::Plugin;

fn main() -> std::process::ExitCode {
    let slow_builds = Plugin::new("slow_builds").database(SlowBuilds).api(SlowBuilds);
    weir::run(weir::models(), weir::plugins().with(slow_builds))
}
