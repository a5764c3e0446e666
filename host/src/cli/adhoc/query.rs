//! `streamgauge query`: a question, a table.

use std::time::Duration;

use clap::Args;
use streamgauge_sql::SourceText;

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

/// Options of `query`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// The SELECT to answer; several: a table each. It reads the sources and views of the files
    #[arg(short = 'e', long = "execute", value_name = "SQL", required = true)]
    statements: Vec<String>,
    #[command(flatten)]
    files: Option<QueryFiles>,
    /// Read a source from a JSON Lines file (.gz and .zst too, - is standard input) instead of from Kafka, which is read to its end as
    /// it is now
    #[arg(long, value_name = "SOURCE=PATH", value_parser = binding)]
    input: Vec<Binding>,
    /// Show so many rows of each SELECT at most
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    rows: u32,
    /// Print a JSON object a row, as rows come, instead of tables at the end
    #[arg(long)]
    json: bool,
    /// How long to wait for Kafka, a topic or permission at a time before it fails
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    connect_timeout: Duration,
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    pub(in crate::cli) log: LogOptions,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let statement = |(index, text): (usize, &String)| SourceText {
        name: if options.statements.len() == 1 { "<-e>".to_owned() } else { format!("<-e {}>", index + 1) },
        text: text.clone(),
    };
    let question = Question {
        files: options.files.as_ref(),
        statements: options.statements.iter().enumerate().map(statement).collect(),
        inputs: &options.input,
        bounded: true,
        connect_timeout: Some(options.connect_timeout),
        start: None,
        look: if options.json { Look::Json } else { Look::Table },
        rows_max: options.rows as usize,
        set: &options.set,
        limits: &options.limits,
        log: &options.log,
        name: "-e",
        unread_columns: UnreadColumns::DeadLetter,
    };
    question.answer()
}
