//! The manifest of a dump: the files of one model and one day.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Format, UtcDay,
    layout::{self, Layout},
};

/// The version of manifests that are written.
const VERSION: u32 = 2;
/// The version of manifests in the layout of the first version.
const FIRST_VERSION: u32 = 1;

/// The manifest of a day. It is written last, so the files that it names are complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Manifest {
    /// The version of the format: 2, or 1 for a day in the layout of the first version.
    pub version: u32,
    /// The model; `events` for the log.
    pub model: String,
    /// The UTC day.
    #[schema(value_type = String, format = Date)]
    pub day: UtcDay,
    /// Rows of the day.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// The files.
    pub files: Vec<ManifestFile>,
    /// The ranges of records that the rows come from.
    pub offsets: Vec<Offsets>,
    /// The columns, in the order of the table.
    pub schema: Vec<ManifestColumn>,
    /// The columns that the rows are sorted by.
    pub key: Vec<String>,
    /// The program and its version.
    pub writer: String,
    /// The time of the dump, RFC 3339. All other members are equal if the same rows are dumped
    /// again.
    #[schema(format = DateTime)]
    pub dumped_at: String,
}

impl Manifest {
    /// Creates a manifest without files.
    pub fn new(model: &str, day: UtcDay, writer: &str, dumped_at: String) -> Self {
        Self {
            version: VERSION,
            model: model.to_owned(),
            day,
            rows: 0,
            bytes: 0,
            files: Vec::new(),
            offsets: Vec::new(),
            schema: Vec::new(),
            key: Vec::new(),
            writer: writer.to_owned(),
            dumped_at,
        }
    }

    /// Parses a manifest. The error says what is wrong with it.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let manifest: Self =
            serde_json::from_slice(json).map_err(|e| format!("is not a valid manifest: {e}"))?;
        if !(FIRST_VERSION..=VERSION).contains(&manifest.version) {
            return Err(format!(
                "has version {}, but this program reads versions {FIRST_VERSION} to {VERSION}",
                manifest.version
            ));
        }
        if let Some(file) = manifest.files.iter().find(|file| !layout::is_file(&file.name)) {
            return Err(format!(
                "has the file name {:?}, which is not a name of a dump's file",
                file.name
            ));
        }
        Ok(manifest)
    }

    /// Returns the layout of the day.
    pub fn layout(&self) -> Layout {
        if self.version == FIRST_VERSION { Layout::Days } else { Layout::Tables }
    }

    /// Returns the path of a file of this manifest.
    pub fn path(&self, file: &ManifestFile) -> String {
        [&self.layout().base(&self.model, self.day), "/", &file.name].concat()
    }

    /// Returns the content of the manifest file.
    pub fn to_json(&self) -> Vec<u8> {
        // The manifest contains only names, numbers and texts, so writing it to memory does not
        // fail.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Returns the best file to load for each topic, or for the whole day of a model without
    /// topics.
    ///
    /// Parquet is preferred to JSON, and JSON to CSV.
    pub fn parts(&self) -> Vec<&ManifestFile> {
        let rank = |file: &&ManifestFile| match file.format {
            Format::Parquet => 0,
            Format::Json => 1,
            Format::Csv => 2,
        };
        let mut files: Vec<&ManifestFile> = self.files.iter().collect();
        files.sort_by_key(|file| (file.topic.as_deref(), rank(file)));
        files.dedup_by(|later, kept| later.topic == kept.topic);
        files
    }
}

/// A file of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ManifestFile {
    /// The path of the file below the folder of the model. In version 1, below the folder of the
    /// day.
    pub name: String,
    /// The format of the file: `json`, `csv` or `parquet`.
    #[schema(value_type = String)]
    pub format: Format,
    /// The topic, in a dump of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub topic: Option<String>,
    /// The number of rows of the file.
    pub rows: u64,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file, in hex.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: String,
    /// The xxh3-128 of the rows in binary COPY format, in hex. It is equal for all formats, and for
    /// the table that the rows are loaded into.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub content: String,
}

/// A range of records of one partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = ManifestOffsets)]
pub struct Offsets {
    /// The short id of the stream, as in the rows.
    pub stream: i32,
    /// The topic.
    pub topic: String,
    /// The consumer group.
    pub group_id: String,
    /// The epoch: how often the topic had been recreated.
    pub epoch: i32,
    /// The partition.
    pub partition: i32,
    /// The lowest offset.
    pub first: i64,
    /// The highest offset.
    pub last: i64,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ManifestColumn {
    /// The name of the column.
    pub name: String,
    /// The name of the column's type in PostgreSQL.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the column may be null.
    pub nullable: bool,
}
