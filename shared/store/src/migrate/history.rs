//! The core's migrations: the files of `migrations/`, in order.

use weir_model::Migration;

use crate::StoreError;

/// The core's migrations. Each of the first six creates one area; later changes of an area follow
/// them.
pub const CORE: &[Migration] = &[
    Migration { version: 1, name: "log", sql: include_str!("../../../../migrations/V1__log.sql") },
    Migration {
        version: 2,
        name: "dumps",
        sql: include_str!("../../../../migrations/V2__dumps.sql"),
    },
    Migration {
        version: 3,
        name: "builds",
        sql: include_str!("../../../../migrations/V3__builds.sql"),
    },
    Migration {
        version: 4,
        name: "readings",
        sql: include_str!("../../../../migrations/V4__readings.sql"),
    },
    Migration {
        version: 5,
        name: "cdevents",
        sql: include_str!("../../../../migrations/V5__cdevents.sql"),
    },
    Migration { version: 6, name: "api", sql: include_str!("../../../../migrations/V6__api.sql") },
    Migration {
        version: 7,
        name: "positions",
        sql: include_str!("../../../../migrations/V7__positions.sql"),
    },
    Migration {
        version: 8,
        name: "identity",
        sql: include_str!("../../../../migrations/V8__identity.sql"),
    },
    Migration {
        version: 9,
        name: "problems",
        sql: include_str!("../../../../migrations/V9__problems.sql"),
    },
    Migration {
        version: 10,
        name: "settings",
        sql: include_str!("../../../../migrations/V10__settings.sql"),
    },
    Migration {
        version: 11,
        name: "removals",
        sql: include_str!("../../../../migrations/V11__removals.sql"),
    },
    Migration {
        version: 12,
        name: "failures",
        sql: include_str!("../../../../migrations/V12__failures.sql"),
    },
    Migration {
        version: 13,
        name: "narrow_log",
        sql: include_str!("../../../../migrations/V13__narrow_log.sql"),
    },
    Migration {
        version: 14,
        name: "series_months",
        sql: include_str!("../../../../migrations/V14__series_months.sql"),
    },
    Migration {
        version: 15,
        name: "packed_log",
        sql: include_str!("../../../../migrations/V15__packed_log.sql"),
    },
    Migration {
        version: 16,
        name: "archive",
        sql: include_str!("../../../../migrations/V16__archive.sql"),
    },
    Migration {
        version: 17,
        name: "audit",
        sql: include_str!("../../../../migrations/V17__audit.sql"),
    },
];

/// Refuses a database that an unreleased build created, because its migrations had other names.
pub(super) fn refuse_older(applied: &[(i32, String)]) -> Result<(), StoreError> {
    let other = applied.iter().find(|(version, name)| {
        CORE.iter().any(|step| step.version == *version && step.name != *name)
    });
    other.map_or(Ok(()), |(version, name)| Err(older_build(&format!("V{version} is {name}"))))
}

/// Returns the error for a database with other migrations than those of this build. `difference` is
/// the first difference.
pub(super) fn older_build(difference: &str) -> StoreError {
    StoreError::Schema(format!(
        "an older build of Weir created this database ({difference}), and this build cannot migrate \
         it: run `weir dump --blob-url URL` with the older build (it leaves out today's records and \
         the failures), then with this build and another --data-dir or an empty --database-url run \
         `weir migrate`, `weir restore --from URL --model events --day DAY` for each day, and \
         `weir replay --model MODEL` for each model"
    ))
}

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
        let listed: Vec<String> =
            CORE.iter().map(|m| format!("V{}__{}.sql", m.version, m.name)).collect();
        assert_eq!(files, listed);
        assert!(CORE.windows(2).all(|pair| pair[0].version < pair[1].version));
    }
}
