//! Finds the days of a model and their manifests, in each layout.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream, try_join};

use crate::{
    BlobError, Blobs, Manifest, UtcDay,
    layout::{self, Layout},
};

/// Number of manifests that are requested at the same time.
const AT_ONCE: usize = 8;

impl Blobs {
    /// Returns the days of a model that may be dumped. A day in the layout of the first version has
    /// a folder, and no manifest if its dump was interrupted.
    pub async fn days(&self, model: &str) -> Result<BTreeMap<UtcDay, Layout>, BlobError> {
        let manifests = layout::manifests(model);
        let (manifests, folders) = try_join!(self.list(&manifests), self.folders(model))?;
        let mut days: BTreeMap<UtcDay, Layout> = folders
            .iter()
            .filter_map(|name| Some((layout::day_of_folder(name)?, Layout::Days)))
            .collect();
        // A day counts once. The manifest of the present layout is the one that is read.
        days.extend(manifests.iter().filter_map(|object| {
            let name = object.path.rsplit('/').next()?;
            Some((layout::day_of_manifest(name)?, Layout::Tables))
        }));
        Ok(days)
    }

    /// Returns the days of a model that are dumped, which are those with a manifest.
    pub async fn dumped_days(&self, model: &str) -> Result<BTreeSet<UtcDay>, BlobError> {
        let dumped = async |(day, layout)| {
            let is_dumped = match layout {
                Layout::Tables => true,
                Layout::Days => self.find_manifest(model, day).await?.is_some(),
            };
            Ok::<_, BlobError>(is_dumped.then_some(day))
        };
        stream::iter(self.days(model).await?)
            .map(dumped)
            .buffered(AT_ONCE)
            .try_filter_map(|day| std::future::ready(Ok(day)))
            .try_collect()
            .await
    }

    /// Returns the layout of a day and the content of its manifest; `None` if it has no manifest.
    pub async fn find_manifest(
        &self,
        model: &str,
        day: UtcDay,
    ) -> Result<Option<(Layout, Bytes)>, BlobError> {
        for layout in Layout::ALL {
            if let Some(json) = self.get(&layout.manifest(model, day)).await? {
                return Ok(Some((layout, json)));
            }
        }
        Ok(None)
    }

    /// Returns the manifest of a day; `None` if it has none. A manifest that is not valid, or that
    /// belongs to another day, is an error.
    pub async fn manifest(&self, model: &str, day: UtcDay) -> Result<Option<Manifest>, BlobError> {
        let Some((layout, json)) = self.find_manifest(model, day).await? else { return Ok(None) };
        let damaged = |fault| BlobError::Damaged { path: layout.manifest(model, day), fault };
        let manifest = Manifest::parse(&json).map_err(damaged)?;
        if manifest.model != model || manifest.day != day || manifest.layout() != layout {
            return Err(damaged(format!(
                "is a manifest of {} {}, version {}",
                manifest.model, manifest.day, manifest.version
            )));
        }
        Ok(Some(manifest))
    }

    /// Deletes the manifest of a day, if there is one. From then on the day is not dumped.
    pub async fn delete_manifest(&self, model: &str, day: UtcDay) -> Result<(), BlobError> {
        for layout in Layout::ALL {
            self.delete(&layout.manifest(model, day)).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BlobUrl;

    const DAY: &str = "2026-01-02";

    /// Returns a manifest with one file.
    fn manifest(version: u32, model: &str, name: &str) -> Vec<u8> {
        let file = serde_json::json!({"name": name, "format": "json", "rows": 0, "bytes": 0, "sha256": "", "content": ""});
        serde_json::json!({"version": version, "model": model, "day": DAY, "rows": 0, "bytes": 0,
            "files": [file], "offsets": [], "schema": [], "key": [], "writer": "", "dumped_at": ""})
        .to_string()
        .into_bytes()
    }

    #[tokio::test]
    async fn a_day_in_both_layouts_is_one_day() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&BlobUrl::File(folder.path().to_owned())).unwrap();
        let day: UtcDay = DAY.parse().unwrap();
        assert_eq!(blobs.days("readings").await.unwrap(), BTreeMap::new());
        let first = Layout::Days.manifest("readings", day);
        blobs.put(&first, manifest(1, "readings", "part-00000.json.gz")).await.unwrap();
        blobs.put("readings/dt=2026-01-03/part-00000.json.gz", Vec::new()).await.unwrap();
        let found = blobs.manifest("readings", day).await.unwrap().unwrap();
        assert_eq!(found.path(&found.files[0]), "readings/dt=2026-01-02/part-00000.json.gz");
        assert_eq!(blobs.days("readings").await.unwrap().len(), 2, "one has no manifest");
        assert_eq!(blobs.dumped_days("readings").await.unwrap(), BTreeSet::from([day]));
        let name = layout::file(crate::Format::Json, day, None);
        let present = Layout::Tables.manifest("readings", day);
        blobs.put(&present, manifest(2, "readings", &name)).await.unwrap();
        let found = blobs.manifest("readings", day).await.unwrap().unwrap();
        assert_eq!(found.path(&found.files[0]), "readings/json/dt=2026-01-02/part-00000.json.gz");
        assert_eq!(blobs.days("readings").await.unwrap()[&day], Layout::Tables);
        assert_eq!(blobs.dumped_days("readings").await.unwrap(), BTreeSet::from([day]));
        blobs.delete_manifest("readings", day).await.unwrap();
        assert_eq!(blobs.dumped_days("readings").await.unwrap(), BTreeSet::new());
    }

    #[tokio::test]
    async fn a_manifest_that_is_not_that_of_its_day_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&BlobUrl::File(folder.path().to_owned())).unwrap();
        let day: UtcDay = DAY.parse().unwrap();
        let name = layout::file(crate::Format::Json, day, None);
        for (json, says) in [
            (manifest(2, "builds", &name), "is a manifest of builds 2026-01-02, version 2"),
            (manifest(1, "readings", &name), "is a manifest of readings 2026-01-02, version 1"),
            (
                manifest(3, "readings", &name),
                "has version 3, but this program reads versions 1 to 2",
            ),
            (manifest(2, "readings", "../x/part-0"), "has the file name \"../x/part-0\""),
            (b"{}".to_vec(), "is not a valid manifest"),
        ] {
            blobs.put(&Layout::Tables.manifest("readings", day), json).await.unwrap();
            let error = blobs.manifest("readings", day).await.unwrap_err().to_string();
            let begin = format!("_manifests/readings/dt=2026-01-02.json {says}");
            assert!(error.starts_with(&begin), "{error}");
            // It is not read as if the day had no dump.
            assert!(blobs.find_manifest("readings", day).await.unwrap().is_some());
        }
    }
}
