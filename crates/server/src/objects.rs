//! Objects: files that rows name by a key. They lie in a folder, or in a store that speaks S3.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use atelier_contract::Sha256;
use axum::http::Method;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::signer::Signer as _;
use object_store::{GetOptions, GetResult, ObjectStore, ObjectStoreExt as _, PutPayload, WriteMultipart};
use sha2::Digest as _;
use tokio::sync::OwnedMutexGuard;

use crate::config::Config;

/// Parts of an upload that are on their way to the store at a time.
const PARTS_MAX: usize = 2;

/// Longest wait for one's turn.
const TURN_WAIT: Duration = Duration::from_secs(10);

/// The store.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    s3: Option<Arc<AmazonS3>>,
    turns: Arc<Mutex<Turns>>,
}

/// By key, as long as somebody has a turn or waits for one.
type Turns = HashMap<String, Weak<tokio::sync::Mutex<()>>>;

/// What an upload was said to be.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Sha256,
}

/// Bytes that are as declared. What is read by this is them, or an error: never what was put in their place since.
#[derive(Debug, Clone)]
pub struct Brought {
    key: String,
    bytes: u64,
    e_tag: Option<String>,
}

impl Brought {
    /// Their size, as it was declared.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Why bytes were not taken.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// More or fewer than declared.
    #[error("{declared} bytes were declared, {came} came")]
    Size {
        /// As it was said.
        declared: u64,
        /// At least.
        came: u64,
    },
    /// Other bytes than declared.
    #[error("the bytes have another SHA-256 than declared")]
    Hash,
    /// Nothing was brought.
    #[error("nothing was brought yet")]
    Missing,
    /// Something else was brought while it was looked at.
    #[error("the bytes changed while they were checked")]
    Changed,
    /// The sender broke off.
    #[error("the body broke off")]
    Body(#[source] axum::Error),
    /// The store failed.
    #[error("the object store failed")]
    Store(#[source] object_store::Error),
}

impl Objects {
    /// Where `config` says.
    ///
    /// # Errors
    /// When the folder cannot be made, or the bucket's settings are not enough.
    pub fn connect(config: &Config) -> anyhow::Result<Self> {
        let objects = &config.objects;
        let Some(bucket) = &objects.bucket else {
            let folder = objects.folder.clone();
            return Self::in_folder(&folder.unwrap_or_else(|| config.data_folder.join("objects")));
        };
        let mut s3 = AmazonS3Builder::new().with_bucket_name(bucket);
        if let Some(region) = &objects.region {
            s3 = s3.with_region(region);
        }
        if let Some(endpoint) = &objects.endpoint {
            // A store of one's own, on this machine perhaps: its buckets are folders of its address, not names before it.
            s3 = s3
                .with_endpoint(endpoint.as_str().trim_end_matches('/'))
                .with_virtual_hosted_style_request(false);
            s3 = s3.with_allow_http(endpoint.scheme() == "http");
        }
        if let (Some(id), Some(secret)) = (&objects.access_key_id, &objects.secret_access_key) {
            s3 = s3.with_access_key_id(id).with_secret_access_key(secret.expose());
        }
        Ok(Self::in_s3(s3.build()?))
    }

    /// Files in `folder`, which is made when it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn in_folder(folder: &FilePath) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            store: Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_automatic_cleanup(true)),
            s3: None,
            turns: Arc::default(),
        })
    }

    /// A bucket.
    #[must_use]
    pub fn in_s3(s3: AmazonS3) -> Self {
        let s3 = Arc::new(s3);
        Self {
            store: s3.clone(),
            s3: Some(s3),
            turns: Arc::default(),
        }
    }

    /// A turn to write the object: one at a time within this process, which is to spare it work and no more, since other processes have
    /// turns of their own. Nothing after ten seconds in which others have theirs.
    pub async fn turn(&self, key: &str) -> Option<OwnedMutexGuard<()>> {
        let of_key = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            turns.get(key).and_then(Weak::upgrade).unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(key.to_owned(), Arc::downgrade(&turn));
                turn
            })
        };
        tokio::time::timeout(TURN_WAIT, of_key.lock_owned()).await.ok()
    }

    /// Takes a body, if it is what was declared; nothing stays of another.
    ///
    /// # Errors
    /// [`PutError`].
    pub async fn put_quarantined(
        &self,
        key: &str,
        body: impl Stream<Item = Result<Bytes, axum::Error>> + Send,
        declared: Declared,
    ) -> Result<Brought, PutError> {
        let mut writer = self.writer(key).await.map_err(PutError::Store)?;
        match copy(&mut writer, body, declared).await {
            Ok(()) => {
                let put = writer.finish().await.map_err(PutError::Store)?;
                Ok(Brought {
                    key: key.to_owned(),
                    bytes: declared.bytes,
                    e_tag: put.e_tag,
                })
            }
            Err(error) => {
                if let Err(error) = writer.abort().await {
                    tracing::warn!(%key, %error, "a part of an upload stays behind");
                }
                Err(error)
            }
        }
    }

    /// Looks whether what was brought to the store's own address is what was declared. What is larger is deleted unread, and what has another
    /// hash so that it is read once: whoever put something else there meanwhile puts it again.
    ///
    /// # Errors
    /// [`PutError`].
    pub async fn check_quarantined(&self, key: &str, declared: Declared) -> Result<Brought, PutError> {
        let object = match self.get(key).await {
            Err(object_store::Error::NotFound { .. }) => return Err(PutError::Missing),
            other => other.map_err(PutError::Store)?,
        };
        if object.meta.size != declared.bytes {
            if object.meta.size > declared.bytes {
                self.delete(key).await.map_err(PutError::Store)?;
            }
            return Err(PutError::Size {
                declared: declared.bytes,
                came: object.meta.size,
            });
        }
        let brought = Brought {
            key: key.to_owned(),
            bytes: declared.bytes,
            e_tag: object.meta.e_tag.clone(),
        };
        let mut hash = sha2::Sha256::new();
        let mut parts = object.into_stream();
        while let Some(part) = parts.next().await {
            hash.update(&part.map_err(PutError::Store)?);
        }
        if let Err(error) = same(hash, declared) {
            self.delete(key).await.map_err(PutError::Store)?;
            return Err(error);
        }
        Ok(brought)
    }

    /// What was brought, or part of it, to be read as it comes.
    ///
    /// # Errors
    /// [`object_store::Error::Precondition`] when something else lies there by now, and the store's.
    pub async fn brought(&self, brought: &Brought, range: Option<Range<u64>>) -> object_store::Result<GetResult> {
        let options = GetOptions::new().with_if_match(brought.e_tag.clone()).with_range(range);
        let object = self.store.get_opts(&Path::from(brought.key.as_str()), options).await?;
        if object.meta.size != brought.bytes {
            return Err(changed(brought));
        }
        Ok(object)
    }

    /// All of what was brought, in memory.
    ///
    /// # Errors
    /// As [`Self::brought`].
    pub async fn brought_whole(&self, brought: &Brought) -> object_store::Result<Bytes> {
        let mut parts = self.brought(brought, None).await?.into_stream();
        let mut whole = BytesMut::new();
        while let Some(part) = parts.next().await {
            let part = part?;
            // Whatever a store says of the size: no more than was declared is ever held.
            if (whole.len() + part.len()) as u64 > brought.bytes {
                return Err(changed(brought));
            }
            whole.extend_from_slice(&part);
        }
        Ok(whole.freeze())
    }

    /// Puts a whole object.
    ///
    /// # Errors
    /// The store's.
    pub async fn put(&self, key: &str, bytes: Bytes) -> object_store::Result<()> {
        self.store
            .put(&Path::from(key), PutPayload::from_bytes(bytes))
            .await
            .map(drop)
    }

    /// Writes an object part by part; it is there when the writer is finished.
    ///
    /// # Errors
    /// The store's.
    pub async fn writer(&self, key: &str) -> object_store::Result<WriteMultipart> {
        Ok(WriteMultipart::new(self.store.put_multipart(&Path::from(key)).await?))
    }

    /// An object, to be read as it comes.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, key: &str) -> object_store::Result<GetResult> {
        self.store.get(&Path::from(key)).await
    }

    /// Removes an object; one that is not there is removed already.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete(&self, key: &str) -> object_store::Result<()> {
        match self.store.delete(&Path::from(key)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// An address of the store from which an object can be read for a while; none for files.
    pub async fn presign_get(&self, key: &str, valid: Duration) -> Option<String> {
        self.presign(Method::GET, key, valid).await
    }

    /// An address of the store to which an object can be put for a while; none for files. It takes any size, since `object_store` signs
    /// no length: [`Self::check_quarantined`] is what refuses another.
    pub async fn presign_put(&self, key: &str, valid: Duration) -> Option<String> {
        self.presign(Method::PUT, key, valid).await
    }

    async fn presign(&self, method: Method, key: &str, valid: Duration) -> Option<String> {
        let address = self.s3.as_ref()?.signed_url(method, &Path::from(key), valid).await;
        address
            .inspect_err(|error| tracing::error!(%key, %error, "an address cannot be signed"))
            .ok()
            .map(String::from)
    }
}

async fn copy(
    writer: &mut WriteMultipart,
    body: impl Stream<Item = Result<Bytes, axum::Error>> + Send,
    declared: Declared,
) -> Result<(), PutError> {
    let mut body = std::pin::pin!(body);
    let mut hash = sha2::Sha256::new();
    let mut came = 0_u64;
    while let Some(part) = body.next().await {
        let part = part.map_err(PutError::Body)?;
        came += part.len() as u64;
        if came > declared.bytes {
            break;
        }
        hash.update(&part);
        writer.wait_for_capacity(PARTS_MAX).await.map_err(PutError::Store)?;
        writer.put(part);
    }
    if came != declared.bytes {
        return Err(PutError::Size {
            declared: declared.bytes,
            came,
        });
    }
    same(hash, declared)
}

fn changed(brought: &Brought) -> object_store::Error {
    object_store::Error::Precondition {
        path: brought.key.clone(),
        source: "another size than was declared".into(),
    }
}

fn same(hash: sha2::Sha256, declared: Declared) -> Result<(), PutError> {
    if hash.finalize().as_slice() == declared.sha256.as_bytes() {
        Ok(())
    } else {
        Err(PutError::Hash)
    }
}
