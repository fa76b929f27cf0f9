//! The tables of Athena in `template.yaml` have the columns of the Parquet files.

use std::{collections::BTreeSet, fs::File};

use anyhow::{Context, ensure};
use parquet::{
    basic::{LogicalType, Type as Physical},
    file::reader::{FileReader, SerializedFileReader},
    schema::types::ColumnDescriptor,
};
use weir_blob::Format;
use weir_testkit::template::Template;
use weir_tests::{
    World,
    batches::{event, orders},
    dumps::Dumps,
    time_travel::age,
};

const DAY: &str = "2024-05-04";

/// Returns the type in Glue's catalog with which Athena reads a column.
fn glue_type(column: &ColumnDescriptor) -> anyhow::Result<&'static str> {
    Ok(match (column.physical_type(), column.logical_type_ref()) {
        (Physical::BOOLEAN, None) => "boolean",
        (Physical::INT32, None) => "int",
        (Physical::INT64, None) => "bigint",
        (Physical::INT64, Some(LogicalType::Timestamp { .. })) => "timestamp",
        (Physical::DOUBLE, None) => "double",
        (Physical::BYTE_ARRAY, Some(LogicalType::String)) => "string",
        (Physical::BYTE_ARRAY, None) => "binary",
        other => anyhow::bail!("{}: {other:?}", column.name()),
    })
}

/// Returns the columns of a Parquet file in their order, with Glue's types.
fn columns_of_file(file: File) -> anyhow::Result<Vec<(String, String)>> {
    let reader = SerializedFileReader::new(file)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let column = |c: &parquet::schema::types::ColumnDescPtr| {
        Ok((c.name().to_owned(), glue_type(c)?.to_owned()))
    };
    schema.columns().iter().map(column).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_model_has_a_table_with_the_columns_of_its_files() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.deliver(event(orders(0..3))).await?;
    age(&world.sql, "true", 2024, 5).await?;
    let dumps = Dumps::of(world.store()?, &[Format::Parquet])?;
    let template = Template::read()?;
    let mut seen = BTreeSet::new();
    for resource in template.resources("AWS::Glue::Table")? {
        let table = ["Resources", resource, "Properties", "TableInput"];
        let at = |names: &[&str]| template.at(&[&table[..], names].concat());
        let text = |value: &serde_yaml_ng::Value, name: &str| {
            value[name].as_str().map(ToOwned::to_owned).context("a text")
        };
        let model = at(&["Name"])?.as_str().context("a name")?;
        dumps.one(model, DAY).await?;
        let manifest = dumps.manifest(model, DAY).await?;
        let file = manifest.files.first().context("a file")?;
        let path = manifest.path(file);

        let columns = at(&["StorageDescriptor", "Columns"])?.as_sequence().context("a list")?;
        let columns = columns.iter().map(|c| Ok((text(c, "Name")?, text(c, "Type")?)));
        let columns: Vec<(String, String)> = columns.collect::<anyhow::Result<_>>()?;
        assert_eq!(columns, columns_of_file(File::open(dumps.folder.path().join(&path))?)?);

        // The folder of the table has the folders of the days. No column is in both lists.
        let location =
            template.texts(&[&table[..], &["StorageDescriptor", "Location"]].concat())?;
        let folder = location[0].strip_prefix("s3://${Bucket}/dumps/").context("a folder")?;
        let below = path.strip_prefix(folder).with_context(|| format!("{path} in {folder}"))?;
        ensure!(below.starts_with(&format!("dt={DAY}/")), "{below}");
        let keys = at(&["PartitionKeys"])?.as_sequence().context("a list")?;
        assert_eq!(
            keys.iter().map(|key| text(key, "Name")).collect::<Result<Vec<_>, _>>()?,
            ["dt"]
        );
        let parameters = at(&["Parameters"])?;
        assert_eq!(
            ["projection.enabled", "projection.dt.type", "projection.dt.format"]
                .map(|name| parameters[name].as_str()),
            [Some("true"), Some("date"), Some("yyyy-MM-dd")]
        );
        seen.insert(model.to_owned());
    }
    assert_eq!(seen, dumps.dumper.names.iter().cloned().collect());
    Ok(())
}
