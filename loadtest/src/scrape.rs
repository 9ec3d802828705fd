//! The server's own counters, from its metrics listener.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::failure::{Doing, Outcome};

/// All metrics of one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(String);

impl Metrics {
    /// Asks the listener at `address`.
    pub(crate) async fn read(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await;
        let mut stream = stream.doing("connect to the metrics listener")?;
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .doing("ask for metrics")?;
        let mut text = String::new();
        stream
            .read_to_string(&mut text)
            .await
            .doing("read metrics")?;
        Ok(Self(text))
    }

    /// The sum of all samples named `name`, whatever their labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let samples = self.0.lines().filter_map(|line| {
            let (key, value) = line.rsplit_once(' ')?;
            let key = key.split('{').next()?;
            (key.strip_prefix("chatalot_") == Some(name)).then(|| value.parse::<f64>().ok())?
        });
        // The sum of nothing is -0.0, which would be printed.
        samples.sum::<f64>() + 0.0
    }

    /// By how much the sum of `name` grew since `earlier`.
    pub(crate) fn growth(&self, earlier: &Self, name: &str) -> f64 {
        self.sum(name) - earlier.sum(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_over_their_labels() {
        let metrics = Metrics(
            "# HELP chatalot_posts Posts committed.\nchatalot_posts_total 7\n\
             chatalot_pushes_total{kind=\"delivered\"} 2\n\
             chatalot_pushes_total{kind=\"gone\"} 3\n"
                .to_owned(),
        );
        assert_eq!(metrics.sum("posts_total"), 7.0);
        assert_eq!(metrics.sum("pushes_total"), 5.0);
        assert_eq!(metrics.sum("unknown_total"), 0.0);
    }
}
