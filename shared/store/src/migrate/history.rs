//! The core's history: the files of `migrations/`, in order.

use weir_model::Migration;

/// The core's migrations.
pub const CORE: &[Migration] = &[
    Migration { version: 1, name: "streams", sql: include_str!("../../../../migrations/V1__streams.sql") },
    Migration { version: 2, name: "events", sql: include_str!("../../../../migrations/V2__events.sql") },
    Migration { version: 3, name: "failures", sql: include_str!("../../../../migrations/V3__failures.sql") },
    Migration { version: 4, name: "builds", sql: include_str!("../../../../migrations/V4__builds.sql") },
    Migration { version: 5, name: "readings", sql: include_str!("../../../../migrations/V5__readings.sql") },
    Migration { version: 6, name: "day_changes", sql: include_str!("../../../../migrations/V6__day_changes.sql") },
    Migration { version: 7, name: "lists", sql: include_str!("../../../../migrations/V7__lists.sql") },
    Migration { version: 8, name: "dumps", sql: include_str!("../../../../migrations/V8__dumps.sql") },
    Migration { version: 9, name: "cdevents", sql: include_str!("../../../../migrations/V9__cdevents.sql") },
    Migration { version: 10, name: "api", sql: include_str!("../../../../migrations/V10__api.sql") },
    Migration { version: 11, name: "api_delivery", sql: include_str!("../../../../migrations/V11__api_delivery.sql") },
    Migration { version: 12, name: "dora_in_one_pass", sql: include_str!("../../../../migrations/V12__dora_in_one_pass.sql") },
    Migration { version: 13, name: "dora_by_place", sql: include_str!("../../../../migrations/V13__dora_by_place.sql") },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_the_list() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .filter(|f| f.starts_with('V'))
            .collect();
        files.sort_by_key(|f| f[1..].split("__").next().unwrap().parse::<i32>().unwrap());
        let listed: Vec<String> = CORE.iter().map(|m| format!("V{}__{}.sql", m.version, m.name)).collect();
        assert_eq!(files, listed);
        assert!(CORE.windows(2).all(|pair| pair[0].version < pair[1].version));
    }
}
