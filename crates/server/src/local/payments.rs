//! A provider that takes no money, for development only: whoever presses the button has paid. It forgets everything when it ends.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use rust_decimal::Decimal;

use crate::payments::{CheckoutPage, Order, Payment, PaymentError, PaymentState, Payments, escaped};

const PAGE: &str = include_str!("payments/checkout.html");

/// See above.
#[derive(Debug, Default)]
pub struct Development {
    payments: Mutex<HashMap<String, Payment>>,
}

impl Payments for Development {
    fn name(&self) -> &'static str {
        "development"
    }

    fn checkout(&self, order: &Order) -> CheckoutPage {
        let mut html = PAGE.to_owned();
        for (name, value) in [
            ("{title}", &order.title),
            ("{amount}", &order.amount.to_string()),
            ("{currency}", &order.currency),
            ("{order}", &order.id),
            ("{success}", &order.success_url),
            ("{fail}", &order.fail_url),
        ] {
            html = html.replace(name, &escaped(value));
        }
        let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
        CheckoutPage {
            html,
            policy: policy.to_owned(),
        }
    }

    fn confirm<'a>(
        &'a self,
        key: &'a str,
        order: &'a str,
        amount: Decimal,
    ) -> BoxFuture<'a, Result<Payment, PaymentError>> {
        let mut payments = self.payments.lock().unwrap_or_else(PoisonError::into_inner);
        let payment = payments.entry(order.to_owned()).or_insert_with(|| Payment {
            key: key.to_owned(),
            order: order.to_owned(),
            state: PaymentState::Done,
            total: amount,
            cancelled: Decimal::ZERO,
            currency: "KRW".to_owned(),
            receipt_url: None,
            card: None,
            easy_pay: None,
        });
        ready(Ok(payment.clone())).boxed()
    }

    fn find<'a>(&'a self, order: &'a str, _keys: &'a [String]) -> BoxFuture<'a, Result<Option<Payment>, PaymentError>> {
        let payments = self.payments.lock().unwrap_or_else(PoisonError::into_inner);
        ready(Ok(payments.get(order).cloned())).boxed()
    }

    fn cancel<'a>(
        &'a self,
        key: &'a str,
        amount: Decimal,
        _reason: &'a str,
        _once: &'a str,
    ) -> BoxFuture<'a, Result<Payment, PaymentError>> {
        let mut payments = self.payments.lock().unwrap_or_else(PoisonError::into_inner);
        let payment = payments.values_mut().find(|payment| payment.key == key);
        let refused = || PaymentError::Refused {
            code: "it is not known any more".to_owned(),
        };
        let cancelled = payment.ok_or_else(refused).map(|payment| {
            payment.cancelled = (payment.cancelled + amount).min(payment.total);
            payment.clone()
        });
        ready(cancelled).boxed()
    }
}
