//! `streamgauge tap`: what a source's events look like when they are decoded.

use std::time::Duration;

use clap::Args;
use streamgauge_sql::{SourceText, manifest::Start};

use super::{Look, Question};
use crate::{
    cli::{
        Failure,
        files::QueryFiles,
        limit_options::LimitOptions,
        log_options::LogOptions,
        run::{binding, duration},
        set_options::SetOptions,
    },
    deploy::Binding,
    query::UnreadColumns,
};

/// Options of `tap`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// The source
    #[arg(value_name = "SOURCE")]
    source: String,
    #[command(flatten)]
    files: QueryFiles,
    /// Show only events for which this holds: status >= 500
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,
    /// Read the source from a JSON Lines file (.gz and .zst too, - is standard input) instead of from Kafka
    #[arg(long, value_name = "SOURCE=PATH", value_parser = binding)]
    input: Vec<Binding>,
    /// Begin with the oldest record that Kafka has, instead of with what comes from now on
    #[arg(long)]
    earliest: bool,
    /// End after so many events
    #[arg(long, value_name = "N", default_value_t = u32::MAX, hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..))]
    rows: u32,
    /// How long to wait for Kafka, a topic or permission at a time before it fails; without it, as long as it takes
    #[arg(long, value_name = "TIME", value_parser = duration)]
    connect_timeout: Option<Duration>,
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    pub(in crate::cli) log: LogOptions,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let condition = options.condition.as_ref().map(|condition| format!(" WHERE ({condition}\n)"));
    let text = format!("SELECT * FROM {}{}", options.source, condition.unwrap_or_default());
    let question = Question {
        files: Some(&options.files),
        statements: vec![SourceText { name: "<tap>".to_owned(), text }],
        inputs: &options.input,
        bounded: false,
        connect_timeout: options.connect_timeout,
        start: Some(if options.earliest { Start::Earliest } else { Start::Latest }),
        look: Look::Json,
        rows_max: options.rows as usize,
        set: &options.set,
        limits: &options.limits,
        log: &options.log,
        name: "tap",
        unread_columns: UnreadColumns::Shown,
    };
    question.answer()
}
