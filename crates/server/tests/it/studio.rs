//! What a studio does with the server, as far as styles and generations go: signs in on a device, uploads, trains, pays, makes.

use std::sync::atomic::{AtomicU64, Ordering};

use atelier_contract::{
    Attempt, GenerationId, NewGeneration, OpeningKey, SealKey, Sha256, StyleId, StylePackage, StyleTerms, StyleView,
    TicketView, UserId,
};
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hpke::kem::X25519HkdfSha256 as Kem;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::harness::{House, Person};

/// Keys that no two requests share.
static KEYS: AtomicU64 = AtomicU64::new(1);

/// Somebody on a device.
#[derive(Clone)]
pub(crate) struct Studio {
    pub(crate) user: UserId,
    pub(crate) person: Person,
    address: String,
    client: reqwest::Client,
    secret: OpeningKey,
}

/// An answer: its status and its JSON.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Reply {
    /// The answer, which has to be one.
    pub(crate) fn is<T: DeserializeOwned>(self) -> T {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        serde_json::from_value(self.body).expect("the type that the contract names")
    }

    /// The code of the refusal, which has to be one.
    pub(crate) fn code(&self) -> &str {
        assert!(self.status.is_client_error(), "{} {}", self.status, self.body);
        self.body["code"].as_str().expect("a refusal has a code")
    }
}

impl Studio {
    /// A new user with `tokens` on a new device.
    pub(crate) async fn new(house: &House, name: &str, role: &str, tokens: i64) -> Self {
        let person = if role == "artist" {
            house.artist(name).await
        } else {
            house.user(name).await
        };
        Self::on_device(house, &person.given(house, tokens).await).await
    }

    /// The same user on another device.
    pub(crate) async fn elsewhere(&self, house: &House) -> Self {
        Self::on_device(house, &self.person).await
    }

    async fn on_device(house: &House, person: &Person) -> Self {
        let (secret, public) = Kem::gen_keypair();
        let person = person
            .on_device(house, Some(SealKey::new(public.to_bytes().into())))
            .await;
        Self {
            user: person.id(),
            address: format!("http://{}", house.address),
            client: reqwest::Client::new(),
            secret: OpeningKey::new(secret.to_bytes().into()),
            person,
        }
    }

    /// The token that they come with.
    pub(crate) fn token(&self) -> &str {
        self.person.token()
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Reply {
        let key = format!("test-{}", KEYS.fetch_add(1, Ordering::Relaxed));
        self.send_as(&key, method, path, body).await
    }

    pub(crate) async fn send_as(&self, key: &str, method: Method, path: &str, body: Option<&impl Serialize>) -> Reply {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.address))
            .bearer_auth(self.person.token())
            .header("idempotency-key", key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.expect("the server answers");
        let status = response.status();
        let bytes = response.bytes().await.expect("a whole answer");
        Reply {
            status,
            body: serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned())),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None::<&()>).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Serialize) -> Reply {
        self.send(Method::POST, path, Some(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Serialize) -> Reply {
        self.send(Method::PUT, path, Some(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: impl Serialize) -> Reply {
        self.send(Method::PATCH, path, Some(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None::<&()>).await
    }

    pub(crate) async fn bytes(&self, path: &str) -> Vec<u8> {
        let request = self
            .client
            .get(format!("{}{path}", self.address))
            .bearer_auth(self.person.token());
        let response = request.send().await.expect("the server answers");
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.bytes().await.expect("a whole answer").to_vec()
    }

    /// Declares a file. Gives its upload.
    pub(crate) async fn declare(&self, purpose: &str, file: &[u8]) -> i64 {
        let body = json!({ "purpose": purpose, "bytes": file.len(), "sha256": sha256(file) });
        self.post("/uploads", body).await.is::<Value>()["id"]
            .as_i64()
            .expect("a number")
    }

    pub(crate) async fn bring(&self, upload: i64, file: &[u8]) -> Reply {
        let request = self
            .client
            .put(format!("{}/uploads/{upload}/content", self.address))
            .bearer_auth(self.person.token())
            .body(file.to_vec());
        let response = request.send().await.expect("the server answers");
        Reply {
            status: response.status(),
            body: response.json().await.expect("JSON"),
        }
    }

    /// Declares and brings a file. Gives its upload.
    pub(crate) async fn upload(&self, purpose: &str, file: &[u8]) -> i64 {
        let upload = self.declare(purpose, file).await;
        let view: Value = self.bring(upload, file).await.is();
        assert_eq!(view["status"], "verified");
        upload
    }

    /// A draft with `artworks`.
    pub(crate) async fn draft(&self, name: &str, tags: &[&str], artworks: u8) -> StyleId {
        let draft: StyleView = self.post("/styles", json!({ "name": name, "tags": tags })).await.is();
        for shade in 0..artworks {
            let upload = self.upload("artwork", &png(shade)).await;
            let reply = self
                .post(
                    &format!("/styles/{}/artworks", draft.card.id),
                    json!({ "upload": upload }),
                )
                .await;
            assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        }
        draft.card.id
    }

    /// A style that is trained and put up at `cost`.
    pub(crate) async fn style(&self, name: &str, tags: &[&str], cost: i64) -> StyleId {
        let style = self.draft(name, tags, 10).await;
        self.train(style).await;
        let terms = StyleTerms {
            generation_cost_tokens: cost.try_into().expect("not negative"),
            license_type: atelier_contract::LicenseType::Personal,
            valid_from: None,
            valid_to: None,
        };
        self.put(&format!("/styles/{style}/terms"), terms)
            .await
            .is::<StyleView>();
        style
    }

    pub(crate) async fn train(&self, style: StyleId) {
        let training = format!("/styles/{style}/training");
        self.put(&training, json!({ "status": "training" }))
            .await
            .is::<StyleView>();
        let upload = self.upload("lora", &lora()).await;
        let done = json!({ "status": "completed", "lora": { "upload": upload, "base_model": "sd15" } });
        self.put(&training, done).await.is::<StyleView>();
    }

    pub(crate) fn order(style: StyleId, cost: i64, tags: &[&str]) -> NewGeneration {
        NewGeneration {
            style,
            tags: tags
                .iter()
                .map(|tag| atelier_contract::Tag::parse(tag).expect("English"))
                .collect(),
            aspect_ratio: atelier_contract::AspectRatio::Square,
            seed: None,
            parameters_sha256: sha256(b"parameters"),
            cost_tokens: cost.try_into().expect("not negative"),
        }
    }

    pub(crate) async fn reserve(&self, style: StyleId, cost: i64) -> TicketView {
        self.post("/generations", Self::order(style, cost, &["sea"])).await.is()
    }

    pub(crate) async fn begin(&self, generation: GenerationId, fence: u32) -> Reply {
        self.post(
            &format!("/generations/{generation}/attempts"),
            json!({ "fence": fence }),
        )
        .await
    }

    pub(crate) async fn fail(&self, generation: GenerationId, fence: u32) -> Reply {
        let body = json!({ "fence": fence, "reason": "out of memory" });
        self.post(&format!("/generations/{generation}/failures"), body).await
    }

    pub(crate) async fn commit(&self, generation: GenerationId, fence: u32) -> Reply {
        let body = json!({ "fence": fence, "ciphertext_sha256": sha256(b"sealed") });
        self.post(&format!("/generations/{generation}/commit"), body).await
    }

    pub(crate) async fn complete(&self, generation: GenerationId) -> Reply {
        self.post(&format!("/generations/{generation}/complete"), json!({}))
            .await
    }

    /// Pays for a picture and makes it, to the end.
    pub(crate) async fn make(&self, style: StyleId, cost: i64, tags: &[&str]) -> GenerationId {
        let ticket: TicketView = self.post("/generations", Self::order(style, cost, tags)).await.is();
        self.begin(ticket.generation, 1).await.is::<Attempt>();
        self.commit(ticket.generation, 1).await.is::<TicketView>();
        self.complete(ticket.generation).await.is::<TicketView>();
        ticket.generation
    }

    /// Uploads the picture and shows it to everybody.
    pub(crate) async fn publish(&self, generation: GenerationId) {
        let upload = self.upload("picture", &png(7)).await;
        let change = json!({ "result": upload, "is_public": true });
        let reply = self.patch(&format!("/generations/{generation}"), change).await;
        assert!(reply.status.is_success(), "{}", reply.body);
    }

    pub(crate) async fn balance(&self, house: &House) -> i64 {
        sqlx::query_scalar("SELECT token_balance FROM users WHERE id = $1")
            .bind(self.user)
            .fetch_one(house.pool())
            .await
            .expect("the user is there")
    }

    /// The LoRA of a package, as only this device gets it.
    pub(crate) async fn open(&self, package: &StylePackage) -> Vec<u8> {
        let wrapped = unhex(&package.wrapped_key);
        let key = self
            .unseal(&wrapped, b"atelier style key", package.version.sha256.as_bytes())
            .expect("its own device");
        let sealed = self.bytes(&package.url).await;
        let cipher = ChaCha20Poly1305::new(&Key::from(<[u8; 32]>::try_from(key.as_slice()).expect("32 bytes")));
        let chunks: Vec<&[u8]> = sealed.chunks(65_536 + 16).collect();
        let mut plain = Vec::new();
        for (index, chunk) in chunks.iter().enumerate() {
            let mut nonce = [0; 12];
            nonce[7..11].copy_from_slice(&u32::try_from(index).expect("few chunks").to_be_bytes());
            nonce[11] = u8::from(index + 1 == chunks.len());
            plain.extend(
                cipher
                    .decrypt(&Nonce::from(nonce), *chunk)
                    .expect("as the contract says"),
            );
        }
        plain
    }

    pub(crate) fn unseal(&self, wrapped: &[u8], info: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
        unseal(&self.secret, wrapped, info, aad)
    }
}

/// Opens what was sealed to the other half of `secret`.
pub(crate) fn unseal(secret: &OpeningKey, wrapped: &[u8], info: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let secret = <Kem as hpke::Kem>::PrivateKey::from_bytes(secret.as_bytes()).ok()?;
    let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(wrapped.get(..32)?).ok()?;
    hpke::single_shot_open::<hpke::aead::ChaCha20Poly1305, hpke::kdf::HkdfSha256, Kem>(
        &OpModeR::Base,
        &secret,
        &encapsulated,
        info,
        &wrapped[32..],
        aad,
    )
    .ok()
}

/// Seals a result as a studio does.
pub(crate) fn seal(to: &SealKey, plain: &[u8]) -> Vec<u8> {
    let public = <Kem as hpke::Kem>::PublicKey::from_bytes(to.as_bytes()).expect("a good key");
    let (encapsulated, sealed) = hpke::single_shot_seal::<hpke::aead::ChaCha20Poly1305, hpke::kdf::HkdfSha256, Kem>(
        &OpModeS::Base,
        &public,
        b"atelier result",
        plain,
        b"",
    )
    .expect("a good key");
    [encapsulated.to_bytes().to_vec(), sealed].concat()
}

pub(crate) fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256::new(sha2::Sha256::digest(bytes).into())
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hexadecimal"))
        .collect()
}

/// A small picture of one colour.
pub(crate) fn png(shade: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(16, 8, image::Rgb([shade, 40, 90]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("memory takes it");
    bytes.into_inner()
}

/// A LoRA of two tensors, longer than a chunk.
pub(crate) fn lora() -> Vec<u8> {
    let header = br#"{"up":{"dtype":"F16","shape":[200,200],"data_offsets":[0,80000]},"down":{"dtype":"F32","shape":[10],"data_offsets":[80000,80040]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header);
    file.extend((0..80_040_u32).map(|i| u8::try_from(i % 251).expect("below 256")));
    file
}
