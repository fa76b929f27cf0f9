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
