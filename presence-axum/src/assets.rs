//! The browser client, and HTML pages that use it.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};

/// The text of `presence.js`, for hosts that bundle it.
pub const PRESENCE_JS: &str = include_str!("../assets/presence.js");

/// Serves `presence.js`.
///
/// ```
/// use axum::{Router, routing::get};
/// use presence_axum::assets;
/// let app: Router = Router::new().route("/js/presence.js", get(assets::presence_js));
/// # let _ = app;
/// ```
pub async fn presence_js() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", PRESENCE_JS)
}

/// Serves an HTML page of one file, with its scripts and styles inside.
///
/// The content security policy names each inline script and style by its hash, so that nothing else
/// runs: no injected script, no event handler in an attribute. The page calls only its own origin,
/// only that origin may frame it, and it sends no referrer to other sites.
///
/// ```
/// use axum::{Router, routing::get};
/// use presence_axum::assets;
/// const PAGE: &str = "<!doctype html><title>Here</title><script>console.log('hello')</script>";
/// let app: Router = Router::new().route("/", get(async || assets::html(PAGE)));
/// # let _ = app;
/// ```
pub fn html(page: &'static str) -> Response {
    let mut response = asset("text/html; charset=utf-8", page);
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy(page)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// `blob:` allows the worker that `presence.js` creates to keep the heartbeats of a hidden tab on
/// time.
fn policy(page: &str) -> String {
    let (scripts, styles) = (hashes(page, "script"), hashes(page, "style"));
    format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles}; img-src 'self' data:; \
         connect-src 'self'; worker-src 'self' blob:; frame-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self'"
    )
}

/// The hashes of the inline elements of this name, in the form of a policy.
fn hashes(page: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}"), format!("</{element}>"));
    let mut hashes = String::new();
    for rest in page.split(open.as_str()).skip(1) {
        let text = rest.split_once('>').and_then(|(_, rest)| rest.split_once(close.as_str()));
        if let Some((text, _)) = text.filter(|(text, _)| !text.is_empty()) {
            hashes += " 'sha256-";
            hashes += &STANDARD.encode(Sha256::digest(text));
            hashes += "'";
        }
    }
    hashes
}

/// Revalidated at each use, so that a page never runs with a script of another version.
fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a over the names and texts of the sources, as `client/build.ts` computes it.
    fn hash_of_the_sources() -> String {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("client/src");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let bytes = files.iter().flat_map(|path| {
            let name = path.file_name().unwrap().as_encoded_bytes().to_vec();
            [name, std::fs::read(path).unwrap()].concat()
        });
        let sum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        format!("{sum:016x}")
    }

    #[test]
    fn the_client_that_is_served_is_built_from_its_source() {
        let hash = hash_of_the_sources();
        let first = PRESENCE_JS.lines().next().unwrap();
        assert!(first.contains(&hash), "{first}: the sources are {hash} now: scripts/client.sh build");
    }

    #[test]
    fn a_page_has_the_security_headers() {
        let page = html("<script>1</script>");
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(page.headers()[name], value);
        }
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self' 'sha256-"), "{policy}");
    }

    #[test]
    fn inline_scripts_and_styles_are_named_by_hash() {
        let page = "<style>a{}</style><script src=\"x.js\"></script><script type=\"module\">alert('Hello, world.');</script>";
        let policy = policy(page);
        // The hash of the example in the specification of CSP.
        let script = "script-src 'self' 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=';";
        assert!(policy.contains(script), "{policy}");
        assert_eq!(policy.matches("sha256-").count(), 2, "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
