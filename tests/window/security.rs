//! What a script that got into the page could do: see nothing outside the pictures, and tell nobody.

use std::net::TcpListener;
use std::time::Duration;

use atelier_tests::window::within;
use atelier_tests::{Stage, Window};
use serde_json::{Value, json};

/// How long a message would take to a listener on the same machine, many times over.
const UNHEARD: Duration = Duration::from_secs(2);

/// Gives "reached" when the page could load `address` by this means, else why not.
async fn try_to(window: &Window, means: &str, address: &str) -> Value {
    let script = format!(
        "const [address, answer] = arguments;
         const reached = () => answer('reached');
         const refused = (reason) => answer(`refused: ${{reason}}`);
         setTimeout(refused, 3000, 'silence');
         try {{ {means} }} catch (error) {{ refused(error); }}"
    );
    let answer = window.client().execute_async(&script, vec![json!(address)]).await;
    answer.unwrap_or_else(|error| panic!("{error} in {means}"))
}

const FETCH: &str = "fetch(address).then((it) => (it.ok ? reached() : refused(it.status)), refused)";
const IMAGE: &str = "Object.assign(new Image(), { onload: reached, onerror: refused, src: address })";
const FRAME: &str = "const frame = document.createElement('iframe');
    frame.onload = () => (frame.contentDocument?.body?.textContent ? reached() : refused('empty'));
    frame.src = address; document.body.append(frame)";

/// Ways out that need no answer to have told something.
const WAYS_OUT: &[&str] = &[
    FETCH,
    IMAGE,
    FRAME,
    "fetch(address, { mode: 'no-cors', method: 'POST', body: 'told' }).then(reached, refused)",
    "navigator.sendBeacon(address, 'told') ? refused('queued') : refused('not queued')",
    "const socket = new WebSocket(address.replace('http', 'ws')); socket.onopen = reached; socket.onerror = refused",
    "const source = new EventSource(address); source.onopen = reached; source.onerror = refused",
    "const link = document.createElement('link'); link.rel = 'stylesheet'; link.href = address;
     link.onload = reached; link.onerror = refused; document.head.append(link)",
    "const script = document.createElement('script'); script.src = address;
     script.onload = reached; script.onerror = refused; document.head.append(script)",
    "import(address).then(reached, refused)",
    "const form = document.createElement('form'); form.action = address; form.method = 'post';
     document.body.append(form); form.submit(); refused('submitted')",
    "window.open(address) ? reached() : refused('no window')",
    "location.assign(address); refused('asked')",
];

#[tokio::test]
async fn a_page_script_reaches_no_network() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = format!("http://{}/", listener.local_addr().expect("bound"));
    for means in WAYS_OUT {
        let answer = try_to(&window, means, &address).await;
        assert_ne!(answer, json!("reached"), "{means}");
    }
    let heard = within(UNHEARD, async || listener.accept().ok()).await;
    assert!(heard.is_none(), "somebody called {address}");
    window.find("navigation", ".*").await;
    window.close(&stage).await;
}

#[tokio::test]
async fn a_page_script_reads_no_file() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let secret = stage.home.path("secret.png");
    image::RgbImage::new(8, 8).save(&secret).expect("written");
    let secret = secret.to_str().expect("a plain path");
    let up = "..%2f".repeat(20);
    let addresses = [
        format!("file://{secret}"),
        format!("picture://localhost{secret}"),
        format!("picture://localhost/{up}{secret}"),
        format!("picture://localhost/artwork/{up}{secret}"),
        format!("picture://localhost/generation/{}", secret.replace('/', "%2f")),
        format!("picture://localhost/preview/1/{up}{secret}"),
        format!("asset://localhost{secret}"),
        format!("asset://localhost/{}", secret.replace('/', "%2f")),
        format!("tauri://localhost/{up}{secret}"),
    ];
    for address in &addresses {
        for means in [FETCH, IMAGE, FRAME] {
            let answer = try_to(&window, means, address).await;
            // The shell answers an unknown page with its own first page, which is no secret.
            let is_own_page = address.starts_with("tauri:") && means != IMAGE;
            assert!(is_own_page || answer != json!("reached"), "{address} by {means}");
        }
    }
    window.close(&stage).await;
}

#[tokio::test]
async fn a_page_script_has_no_door_but_the_studio_s_own() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let doors = [
        ("plugin:fs|read_text_file", json!({ "path": "/etc/hostname" })),
        (
            "plugin:shell|execute",
            json!({ "program": "id", "args": [], "options": {} }),
        ),
        (
            "plugin:http|fetch",
            json!({ "clientConfig": { "url": "http://127.0.0.1/" } }),
        ),
        ("plugin:opener|open_path", json!({ "path": "/etc/hostname" })),
        (
            "plugin:webview|create_webview_window",
            json!({ "options": { "label": "other", "url": "https://localhost" } }),
        ),
        ("plugin:process|exit", json!({ "code": 0 })),
    ];
    for (command, arguments) in doors {
        let script = "const [command, given, answer] = arguments;
            window.__TAURI_INTERNALS__.invoke(command, given).then(() => answer('opened'), () => answer('refused'))";
        let answer = window
            .client()
            .execute_async(script, vec![json!(command), arguments])
            .await;
        assert_eq!(answer.expect("the page answers"), json!("refused"), "{command}");
    }
    assert_eq!(
        window.run("return typeof window.__TAURI__", Vec::new()).await,
        json!("undefined")
    );
    window.close(&stage).await;
}

#[tokio::test]
async fn words_that_became_page_run_nothing() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let inline = "const script = document.createElement('script'); script.textContent = 'window.ran = true'; document.head.append(script);
        const image = document.createElement('img'); image.setAttribute('onerror', 'window.ran = true'); image.src = 'data:,';
        document.body.append(image);
        setTimeout(() => arguments[arguments.length - 1](window.ran ?? false), 500)";
    let ran = window.client().execute_async(inline, Vec::new()).await;
    assert_eq!(ran.expect("the page answers"), json!(false));
    window.close(&stage).await;
}
