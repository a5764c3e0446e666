//! The page of all options: a table for each connector, made from what the connectors declare and the binder reads.

use std::fmt;

use streamgauge_component::plugins::Plugins;
use streamgauge_sql::{
    catalog::{Catalog, UsedAs},
    connector::{OptionKind, OptionSpec},
    manifest::{KAFKA_PROPERTIES, KAFKA_SECRETS},
    source_options, table_options,
};

use super::{Connectors, HostCatalog};

/// What stands above the tables.
const INTRODUCTION: &str = "\
# Options of sources, tables and sinks

This page is generated from the declarations of the connectors: `make golden` writes it, and a test compares the two.

Write options in WITH, in addition to `connector`. A value is a text in single quotes, a number, TRUE or FALSE. If the table allows `secret('NAME')`,
Streamgauge reads the value from the environment variable `NAME`, else from the file `NAME` in `$STREAMGAUGE_SECRETS_DIR`, so that it is not in
the SQL. Options that are not always a secret accept `env('NAME')`: see [configuration](configuration.md).

```sql file=options.sql
CREATE SOURCE requests (model TEXT, ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'requests', numbers = 'lenient', idle_timeout = '30 s');
CREATE SINK slow WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'slow', key = 'model');
INSERT INTO slow SELECT model, ms, ts FROM requests WHERE ms > 2000;
```

`check` reports options that do not exist and values that an option cannot have, with their places:

```console
$ streamgauge check options.sql
```
";

/// All connectors with their options. Its `Display` is Markdown.
#[derive(Clone, Debug)]
pub struct OptionPage {
    sections: Vec<Section>,
}

/// One connector, as a source or as a sink.
#[derive(Clone, Debug)]
struct Section {
    used_as: UsedAs,
    connector: String,
    options: Vec<OptionSpec>,
}

impl OptionPage {
    /// What the connectors of a host declare.
    ///
    /// # Errors
    /// A connector that cannot be loaded, in words.
    pub fn new(connectors: &Connectors, plugins: &Plugins) -> Result<Self, String> {
        let catalog = HostCatalog { plugins, connectors, depth: streamgauge_kafka::Depth::Quick };
        let mut sections = Vec::new();
        for used_as in [UsedAs::Source, UsedAs::Sink] {
            for connector in catalog.connectors(used_as) {
                let options = catalog.options(used_as, &connector)?;
                sections.push(Section { used_as, connector, options });
            }
        }
        Ok(Self { sections })
    }

    /// The tables of one connector alone; none where there is no such connector.
    pub fn of(&self, connector: &str) -> Option<String> {
        let known = |section: &&Section| section.connector.eq_ignore_ascii_case(connector);
        let sections: Vec<String> = self.sections.iter().filter(known).map(ToString::to_string).collect();
        (!sections.is_empty()).then(|| sections.join("\n"))
    }

    /// The names of the connectors, each once.
    pub fn connectors(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for Section { connector, .. } in &self.sections {
            if !names.contains(&connector.as_str()) {
                names.push(connector);
            }
        }
        names
    }
}

impl fmt::Display for OptionPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(INTRODUCTION)?;
        f.write_str("\n## Every source\n\n")?;
        table(f, &source_options::all())?;
        self.sections.iter().try_for_each(|section| write!(f, "\n{section}"))?;
        f.write_str("\n## Tables\n\n")?;
        table(f, &table_options::all())?;
        f.write_str("\n## Properties of the Kafka client\n\n")?;
        f.write_str(
            "An option of a Kafka source or sink may be one of these properties of librdkafka, whose documentation says what they mean. \
             `sasl_username`\nand `kafka.sasl.username` are the same. Those with a star may be `secret('NAME')`, and a password must be.\n\n",
        )?;
        for property in KAFKA_PROPERTIES {
            let star = if KAFKA_SECRETS.contains(property) { " \\*" } else { "" };
            writeln!(f, "- `{}`{star}", property.replace('.', "_"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { used_as, connector, options } = self;
        let kind = match used_as {
            UsedAs::Source => "Source",
            UsedAs::Sink => "Sink",
        };
        write!(f, "## {kind} `{connector}`\n\n")?;
        table(f, options)
    }
}

fn table(f: &mut fmt::Formatter<'_>, options: &[OptionSpec]) -> fmt::Result {
    f.write_str("| option | what it can be | default | meaning |\n|---|---|---|---|\n")?;
    options.iter().try_for_each(|spec| row(f, spec))
}

fn row(f: &mut fmt::Formatter<'_>, spec: &OptionSpec) -> fmt::Result {
    let name = match spec.kind {
        OptionKind::ClientProperties => "a property of the client".to_owned(),
        _ => format!("`{}`", spec.name),
    };
    let default = match (&spec.default, spec.required) {
        (_, true) => "**required**".to_owned(),
        (Some(default), false) => format!("`'{default}'`"),
        (None, false) => "none".to_owned(),
    };
    let [values, docs] = [spec.values(), spec.docs.to_string()].map(|text| text.replace('|', "\\|"));
    writeln!(f, "| {name} | {values} | {default} | {docs} |")
}
