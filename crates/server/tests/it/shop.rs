//! A server that sells tokens, its payment provider, and somebody who buys.

use std::future::Future;

use atelier_contract::PurchaseView;
use atelier_server::operators::refund::{self, RefundCommand};
use clap::Parser;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{House, Person, send};
use crate::money::{balance, execute, number, welcomed};
use crate::toss::Toss;

/// A server, its provider, and somebody with a hundred tokens.
pub(crate) struct Shop {
    pub(crate) house: House,
    pub(crate) toss: Toss,
    pub(crate) buyer: Person,
}

/// A purchase that is under way.
pub(crate) struct Begun {
    pub(crate) path: String,
    pub(crate) order: String,
    pub(crate) view: PurchaseView,
}

impl Shop {
    pub(crate) async fn new() -> Self {
        let toss = Toss::new().await;
        let house = House::with(|config| toss.configure(config)).await;
        let buyer = welcomed(&house, "bo").await;
        Self { house, toss, buyer }
    }

    pub(crate) async fn begin(&self, tokens: i64) -> Begun {
        begin(&self.buyer, tokens).await
    }

    /// The browser comes back from the provider's window.
    pub(crate) async fn back(&self, begun: &Begun, key: &str, amount: i64) -> u16 {
        let path = format!(
            "/checkout/{}/agreed?paymentType=NORMAL&orderId={}&paymentKey={key}&amount={amount}",
            begun.order, begun.order
        );
        self.house.nobody().get(&path).await.status
    }

    /// From the beginning to the end.
    pub(crate) async fn buy(&self, tokens: i64) -> (Begun, String) {
        let begun = self.begin(tokens).await;
        let price: i64 = begun.view.price.parse().expect("whole won");
        let key = self.toss.agree(&begun.order, price);
        assert_eq!(self.back(&begun, &key, price).await, 200);
        self.is(&begun, "paid").await;
        (begun, key)
    }

    pub(crate) async fn is(&self, begun: &Begun, status: &str) {
        let view: PurchaseView = self.buyer.get(&begun.path).await.gives(200);
        assert_eq!(view.status.as_str(), status);
    }

    pub(crate) async fn balance(&self) -> i64 {
        balance(&self.house, self.buyer.id()).await
    }

    /// A webhook under this name, sent by whoever.
    pub(crate) async fn webhook(&self, name: &str, body: &Value) {
        let request = self
            .house
            .nobody()
            .request(Method::POST, "/payments/webhook")
            .header("tosspayments-webhook-transmission-id", name)
            .json(body);
        assert_eq!(send(request).await.status, 200);
    }

    /// Lets the clock pass the time at which the purchase is asked about.
    pub(crate) async fn sweep(&self) {
        execute(&self.house, "UPDATE purchases SET ask_at = now() - interval '1 s'").await;
        execute(&self.house, "UPDATE payment_events SET ask_at = now() - interval '1 s'").await;
        self.house.sweep().await;
    }

    pub(crate) async fn credited(&self) -> i64 {
        number(&self.house, "SELECT count(*) FROM transactions WHERE kind = 'purchase'").await
    }

    pub(crate) async fn operator(
        &self,
        words: &[&str],
    ) -> Result<Vec<String>, atelier_server::operators::OperatorError> {
        #[derive(Parser)]
        struct Line {
            #[command(subcommand)]
            command: RefundCommand,
        }
        let line = ["refund"].into_iter().chain(words.iter().copied());
        let act = ["--reason", "asked for", "--operator", "ada"];
        let line = Line::try_parse_from(line.chain(act)).expect("a command");
        refund::run(&self.house.app, line.command).await
    }
}

pub(crate) async fn begin(buyer: &Person, tokens: i64) -> Begun {
    let view: PurchaseView = buyer.post("/purchases", &json!({ "tokens": tokens })).await.gives(201);
    let url = view.checkout_url.clone().expect("a page to pay on");
    Begun {
        path: format!("/purchases/{}", view.id),
        order: url.rsplit('/').next().expect("an order").to_owned(),
        view,
    }
}

/// All at the same time.
pub(crate) async fn at_once<T>(times: usize, each: impl Fn() -> T)
where
    T: Future,
{
    futures_util::future::join_all((0..times).map(|_| each())).await;
}
