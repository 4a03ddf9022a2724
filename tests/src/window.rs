//! The studio's window, driven from outside as a person would: things are found by the role and name that a screen reader tells.
//!
//! Knows nothing of the page but what is accessible; every wait has a deadline and ends with what the screen showed instead.

use std::cell::RefCell;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::{Element, ElementRef};
pub use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::processes::{Group, children, is_alive};
use crate::{Stage, workspace};

/// How long a thing may take to appear when nothing is computed for it.
pub const SOON: Duration = Duration::from_secs(60);
/// How long a job with the starter model may take on two busy cores.
pub const JOB: Duration = Duration::from_secs(1800);
/// Presses of Tab that lead round any screen.
const TABS_MAX: usize = 80;
/// Looks in a row at which nothing moves: what comes into sight is not fetched at once.
const CALM_LOOKS: u32 = 3;
/// Between two looks, and between two that come late: looking takes a core from the job that is waited for.
const LOOK: Duration = Duration::from_millis(50);
const LATE_LOOK: Duration = Duration::from_secs(2);
/// Key under which WebDriver hands elements over (WebDriver, section 12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The window of a running studio.
pub struct Window {
    client: Client,
    driver: Group,
    application: PathBuf,
    display: String,
    data: PathBuf,
}

impl Window {
    /// Starts the studio on this stage and waits until it shows its first screen.
    ///
    /// # Panics
    /// When it does not.
    pub async fn open(stage: &Stage) -> Self {
        let window = Self::launch(stage).await;
        window.find("navigation", ".*").await;
        window
    }

    async fn launch(stage: &Stage) -> Self {
        let application = stage.application();
        let [port, native_port] = free_ports();
        let mut driver = stage.program(&workspace().join("target/tools/bin/tauri-driver"));
        driver
            .args(["--port", &port.to_string(), "--native-port", &native_port.to_string()])
            .args(["--native-driver", "/usr/bin/WebKitWebDriver"])
            .stdout(Stdio::null());
        let driver = Group::start(&mut driver);
        let options = json!({ "tauri:options": { "application": &application } });
        let Value::Object(capabilities) = options else {
            unreachable!("an object is written above")
        };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{port}");
        let client = within(SOON, async || builder.connect(&address).await.ok()).await;
        let client = client.unwrap_or_else(|| panic!("no session with {}", application.display()));
        Self {
            client,
            driver,
            application,
            display: stage.display().to_owned(),
            data: stage.home.data(),
        }
    }

    /// The WebDriver session, for what a person would not do.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Process of the studio.
    ///
    /// # Panics
    /// When it is not running.
    pub fn pid(&self) -> u32 {
        let found = self.driver.running(&self.application);
        *found.first().expect("the studio runs")
    }

    /// Processes of the workers that the studio has now.
    ///
    /// # Panics
    /// When it is not running.
    pub fn workers(&self) -> Vec<u32> {
        children(self.pid(), "atelier-worker")
    }

    /// Process of the studio's worker, once it has one.
    ///
    /// # Panics
    /// When it has none in time.
    pub async fn worker(&self) -> u32 {
        let studio = self.pid();
        let worker = within(SOON, async || children(studio, "atelier-worker").first().copied());
        worker.await.expect("the studio starts a worker")
    }

    /// The data folder as the studio sees it.
    pub fn data(&self) -> PathBuf {
        let below_root = self.data.strip_prefix("/").expect("absolute");
        Path::new("/proc")
            .join(self.pid().to_string())
            .join("root")
            .join(below_root)
    }

    /// The first thing with this role and name, as soon as it is there; what lies over the rest comes first. `role` may be several, parted by
    /// `|`; `name` is a regular expression for the whole of it.
    ///
    /// # Panics
    /// When it is not there in time; the message has what was.
    pub async fn find(&self, role: &str, name: &str) -> Element {
        self.find_within(SOON, role, name).await
    }

    /// The same with another deadline.
    ///
    /// # Panics
    /// When it is not there in time; the message has what was.
    pub async fn find_within(&self, deadline: Duration, role: &str, name: &str) -> Element {
        let found = within(deadline, async || self.look(role, name).await.into_iter().next()).await;
        match found {
            Some(element) => element,
            None => self.fail(&format!("no {role} “{name}” within {deadline:?}")).await,
        }
    }

    /// Waits until the screen says `text`, a regular expression.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn find_text(&self, deadline: Duration, text: &str) {
        let script = "return new RegExp(arguments[0], 'u').test(document.body.innerText)";
        let said = within(deadline, async || {
            (self.run(script, vec![json!(text)]).await == true).then_some(())
        });
        if said.await.is_none() {
            self.fail(&format!("nothing says “{text}” within {deadline:?}")).await;
        }
    }

    /// All things with this role and name that are there now.
    pub async fn look(&self, role: &str, name: &str) -> Vec<Element> {
        let arguments = vec![json!(role), json!(name)];
        let Ok(Value::Array(found)) = self.with_axe(include_str!("window/find.js"), arguments).await else {
            return Vec::new(); // the page is being loaded
        };
        let ids = found.iter().filter_map(|element| element[ELEMENT].as_str());
        ids.map(|id| Element::from_element_id(self.client.clone(), ElementRef::from(id.to_owned())))
            .collect()
    }

    /// Waits until nothing has this role and name any more.
    ///
    /// # Panics
    /// When something still has.
    pub async fn gone(&self, deadline: Duration, role: &str, name: &str) {
        let gone = within(deadline, async || self.look(role, name).await.is_empty().then_some(()));
        if gone.await.is_none() {
            self.fail(&format!("{role} “{name}” is still there after {deadline:?}"))
                .await;
        }
    }

    /// Clicks on the thing with this role and name, once it is there and can be clicked.
    ///
    /// # Panics
    /// When it cannot in time.
    pub async fn click(&self, role: &str, name: &str) {
        let why = RefCell::new(String::from("it is not there"));
        let clicked = within(SOON, async || {
            let element = self.look(role, name).await.into_iter().next()?;
            if !element.is_enabled().await.ok()? {
                "it is disabled".clone_into(&mut why.borrow_mut());
                return None;
            }
            let click = self.hand_of(element).await?.click().await;
            click.inspect_err(|error| *why.borrow_mut() = error.to_string()).ok()
        });
        if clicked.await.is_none() {
            let why = why.take();
            self.fail(&format!("{role} “{name}” cannot be clicked: {why}")).await;
        }
    }

    /// Where a hand would click for this element, in sight: an input that is hidden behind its label is clicked there.
    async fn hand_of(&self, element: Element) -> Option<Element> {
        let script = include_str!("window/hand.js");
        let hand = self
            .client
            .execute(script, vec![json!({ ELEMENT: String::from(element.element_id()) })])
            .await;
        let id = hand.ok()?[ELEMENT].as_str()?.to_owned();
        Some(Element::from_element_id(self.client.clone(), ElementRef::from(id)))
    }

    /// Tells the page that a hand begins to drag something inside the thing with this role and name: WebKit's driver tells it of no drag.
    ///
    /// # Panics
    /// When it is not there in time.
    pub async fn begin_to_drag(&self, role: &str, name: &str) {
        let id = String::from(self.find(role, name).await.element_id());
        let begin = "arguments[0].querySelector('[draggable=true]').dispatchEvent(new DragEvent('dragstart', { cancelable: true }))";
        self.run(begin, vec![json!({ ELEMENT: id })]).await;
    }

    /// Writes `text` into an empty or filled field.
    ///
    /// # Panics
    /// When the field is not there or takes no text.
    pub async fn fill(&self, role: &str, name: &str, text: &str) {
        let field = self.find(role, name).await;
        field.click().await.expect("a field can be clicked");
        self.press(&[Key::Control.into(), 'a']).await;
        field.send_keys(text).await.expect("a field takes text");
    }

    /// Presses keys together, as a shortcut: all down in this order, all up in the reverse.
    ///
    /// # Panics
    /// When the session is gone.
    pub async fn press(&self, keys: &[char]) {
        let down = keys.iter().map(|&value| KeyAction::Down { value });
        let up = keys.iter().rev().map(|&value| KeyAction::Up { value });
        let strokes = down
            .chain(up)
            .fold(KeyActions::new("keyboard".into()), |all, key| all.then(key));
        self.client.perform_actions(strokes).await.expect("keys can be pressed");
    }

    /// Goes with the Tab key to the first thing with this role and name, once it is there.
    ///
    /// # Panics
    /// When Tab does not come by there.
    pub async fn tab_to(&self, role: &str, name: &str) {
        self.find(role, name).await;
        for _ in 0..TABS_MAX {
            self.press(&[Key::Tab.into()]).await;
            if self.is_on(role, name).await {
                return;
            }
        }
        self.fail(&format!("Tab does not come by {role} “{name}”")).await
    }

    /// Whether the keyboard is on a thing with this role and name.
    pub async fn is_on(&self, role: &str, name: &str) -> bool {
        let Ok(active) = self.client.active_element().await else {
            return false; // the page is being loaded
        };
        let found = self.look(role, name).await;
        found.iter().any(|element| element.element_id() == active.element_id())
    }

    /// Types `text` at wherever the focus is.
    ///
    /// # Panics
    /// When the session is gone.
    pub async fn type_text(&self, text: &str) {
        for key in text.chars() {
            self.press(&[key]).await;
        }
    }

    /// Runs `script` in the page as the body of a function with `arguments`.
    ///
    /// # Panics
    /// When it throws.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        let answer = self.client.execute(script, arguments).await;
        answer.unwrap_or_else(|error| panic!("{error} in {script}"))
    }

    /// Runs `script` where `axe` is defined.
    async fn with_axe(&self, script: &str, arguments: Vec<Value>) -> Result<Value, fantoccini::error::CmdError> {
        if self.client.execute("return typeof axe", Vec::new()).await? == json!("undefined") {
            let axe = std::fs::read_to_string(workspace().join("ui/node_modules/axe-core/axe.min.js"));
            let axe = axe.expect("scripts/prepare installs axe-core");
            self.client.execute(&axe, Vec::new()).await?;
        }
        self.client.execute(script, arguments).await
    }

    /// Names of all things on the screen, one a line.
    pub async fn outline(&self) -> String {
        let outline = self.with_axe(include_str!("window/outline.js"), Vec::new()).await;
        outline.map_or_else(
            |error| error.to_string(),
            |lines| lines.as_str().unwrap_or("").to_owned(),
        )
    }

    /// Waits until every picture on the screen is there and nothing moves but what moves for ever, and stays so for some looks.
    ///
    /// # Panics
    /// When that does not happen in time.
    pub async fn settle(&self) {
        let mut calm = 0;
        let settled = within(SOON, async || {
            let is_calm = self.run(include_str!("window/settled.js"), Vec::new()).await == true;
            calm = if is_calm { calm + 1 } else { 0 };
            (calm == CALM_LOOKS).then_some(())
        });
        if settled.await.is_none() {
            self.fail("the screen does not come to rest").await;
        }
    }

    /// Rules of axe-core that the screen breaks seriously, with the places.
    ///
    /// # Panics
    /// When axe cannot run.
    pub async fn axe(&self) -> Vec<String> {
        let _defined = self.outline().await;
        let script = include_str!("window/axe.js");
        let broken = self.client.execute_async(script, Vec::new()).await.expect("axe runs");
        let broken = broken.as_array().expect("a list").iter();
        broken
            .map(|rule| rule.as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Leaves a picture of the window in `target/screenshots/NAME.png`.
    ///
    /// # Panics
    /// When the window cannot be photographed.
    pub fn photograph(&self, name: &str) {
        let folder = workspace().join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("made");
        let picture = crate::display::photograph(&self.display, self.pid());
        picture.save(folder.join(format!("{name}.png"))).expect("written");
    }

    async fn fail(&self, message: &str) -> ! {
        self.photograph("failed");
        panic!(
            "{message}; target/screenshots/failed.png shows:\n{}",
            self.outline().await
        );
    }

    /// Kills the studio as a power cut would.
    pub fn kill(self) {
        drop(self.driver);
    }

    /// Closes the window by its button and waits for the studio to end, in order: the next one finds nothing to tidy.
    ///
    /// # Panics
    /// When it does not end in time, or leaves the library as a killed one would.
    pub async fn close(self, stage: &Stage) {
        let pid = self.pid();
        crate::display::ask_to_close(stage.display(), pid);
        let ended = within(SOON, async || (!is_alive(pid)).then_some(()));
        assert!(ended.await.is_some(), "the studio does not end");
        let lock = std::fs::read(stage.home.data().join("library.lock")).expect("a library has one");
        assert!(lock.is_empty(), "the library was not closed");
    }
}

/// What `look` finds, looked for again and again until the deadline.
pub async fn within<T>(deadline: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return Some(found);
        }
        if began.elapsed() > deadline {
            return None;
        }
        tokio::time::sleep((began.elapsed() / 20).clamp(LOOK, LATE_LOOK)).await;
    }
}

/// Ports that nobody listens on, for two programs that cannot choose their own.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("bound").port())
}
