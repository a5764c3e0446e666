//! A folder as the source of truth: each file `NAME.sql` is the deployment NAME.
//!
//! The folder is looked at every now and then. A file that is new or has another text is deployed if that keeps or warms all states;
//! otherwise it is shown as pending, with what to do. A deployment whose file has been gone for a while is dropped. A text is taken only
//! if it was the same at two looks, so that a file that is being written is not deployed by halves; a folder that is replaced as a whole,
//! as Kubernetes replaces a ConfigMap, is read through its link at each look.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use streamgauge_common::clock::Stopwatch;
use streamgauge_state::bytes::checksum;
use tracing::{error, warn};

use super::deployments::{Change, Deployments, Refused, is_name};
use crate::config::Config;

/// After how long a file that was refused is tried again: what it needs, a topic's certificate or a plugin, may be there by then.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What is known of a folder.
pub struct Folder {
    path: PathBuf,
    files: BTreeMap<String, File>,
    /// Deployments whose files are gone, and since when.
    gone: BTreeMap<String, Stopwatch>,
    /// What could not be read at the last look: it is told once.
    trouble: Option<String>,
    /// Files that are not deployed, with why: each is told once.
    ignored: BTreeMap<PathBuf, String>,
}

/// What is known of a file.
struct File {
    text: String,
    /// When this text was dealt with, whatever came of it; none = not yet.
    done: Option<Done>,
}

/// What came of a text.
struct Done {
    is_applied: bool,
    /// The configuration that held then: another one may allow what this one did not.
    config: Arc<Config>,
    since: Stopwatch,
}

impl Folder {
    /// Nothing was looked at yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, files: BTreeMap::new(), gone: BTreeMap::new(), trouble: None, ignored: BTreeMap::new() }
    }

    /// Looks at the folder, and makes the deployments like it.
    pub fn look(&mut self, deployments: &Deployments, drop_after: Duration) {
        let (found, ignored) = match read(&self.path) {
            Ok(found) => found,
            Err(cause) => {
                let trouble = format!("cannot read the folder of queries '{}': {cause}", self.path.display());
                if self.trouble.as_ref() != Some(&trouble) {
                    error!("error: {trouble}; its deployments go on as they are");
                }
                self.trouble = Some(trouble);
                return;
            }
        };
        self.trouble = None;
        for (path, why) in &ignored {
            if self.ignored.get(path) != Some(why) {
                warn!("the folder of queries: {} is ignored: {why}", path.display());
            }
        }
        let Ok(list) = deployments.list() else { return };
        for (name, text) in &found {
            let known = self.files.get_mut(name);
            match known {
                // Seen twice as it is.
                Some(file) if file.text == *text => {
                    let config = deployments.config();
                    let is_due = file.done.as_ref().is_none_or(|done| {
                        let is_worth_it =
                            !Arc::ptr_eq(&done.config, &config) || done.since.elapsed() >= AGAIN_AFTER;
                        !done.is_applied && is_worth_it
                    });
                    if is_due {
                        let is_applied = deploy(deployments, name, text);
                        file.done = Some(Done { is_applied, config, since: Stopwatch::start() });
                    }
                }
                _ => {
                    self.files.insert(name.clone(), File { text: text.clone(), done: None });
                }
            }
        }
        // A file that cannot be read now is not gone.
        let unread: Vec<String> =
            ignored.keys().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
        self.ignored = ignored;
        self.files.retain(|name, _| found.contains_key(name));
        self.gone.retain(|name, _| !found.contains_key(name));
        for deployment in list.iter().filter(|deployment| deployment.dropped_at.is_none()) {
            let name = &deployment.name;
            // Those that never came from a file are somebody else's.
            if found.contains_key(name) || unread.contains(name) || !deployments.is_of_file(name) {
                continue;
            }
            let since = self.gone.entry(name.clone()).or_insert_with(|| {
                warn!(
                    deployment = name,
                    "deployment '{name}': its file is gone from the folder; it is dropped in {} s if the file does not come back",
                    drop_after.as_secs_f64()
                );
                Stopwatch::start()
            });
            if since.elapsed() >= drop_after {
                if let Err(refused) = deployments.drop_deployment(name, false) {
                    error!(deployment = name, "error: deployment '{name}' cannot be dropped: {refused}");
                }
                self.gone.remove(name);
            }
        }
    }
}

/// Deploys a file as far as no state is lost; whether it is as the file says.
fn deploy(deployments: &Deployments, name: &str, text: &str) -> bool {
    // A file that comes back is the deployment that was dropped.
    let file = checksum(text.as_bytes());
    if deployments.is_from(name, file) {
        // What was deployed or rolled back since is wanted as it is.
        return true;
    }
    let change = Change { restore: true, keeps_pause: true, file: Some(file), ..Change::default() };
    match deployments.deploy(name, text, &change) {
        Ok(_) => true,
        Err(Refused::Unasked(queries, plan)) => {
            let reasons: Vec<String> = plan
                .queries
                .iter()
                .filter(|query| query.action == super::shapes::PlannedAction::Reset)
                .map(|query| format!("query '{}': {}", query.name, query.reason))
                .collect();
            warn!(
                deployment = name,
                pending = true,
                help = format!("streamgauge deploy {name}.sql --reset QUERY applies it"),
                "deployment '{name}': the changed file is not applied, as the state of {queries} does not fit: {}",
                reasons.join("; ")
            );
            false
        }
        Err(refused) => {
            error!(
                deployment = name,
                pending = true,
                "error: deployment '{name}': the file is not applied: {}",
                refused.in_words()
            );
            false
        }
    }
}

/// The texts of the files NAME.sql in a folder, by name; and files that are none, with why.
fn read(folder: &Path) -> io::Result<(BTreeMap<String, String>, BTreeMap<PathBuf, String>)> {
    let (mut found, mut ignored) = (BTreeMap::new(), BTreeMap::new());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".sql"));
        // What begins with a dot is somebody's own, as Kubernetes' folders are.
        let Some(name) = name.filter(|name| !name.starts_with('.')) else { continue };
        if !is_name(name) {
            let why = Refused::Name(name.to_owned()).to_string();
            ignored.insert(path, why);
            continue;
        }
        match fs::read_to_string(&path) {
            Ok(text) => drop(found.insert(name.to_owned(), text)),
            // Taken away since the folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => drop(ignored.insert(path, error.to_string())),
        }
    }
    Ok((found, ignored))
}
