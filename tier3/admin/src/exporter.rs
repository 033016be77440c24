//! The metrics of this process, in the text format of Prometheus.

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of every histogram whose name ends in `_seconds`: from a call on loopback to the two minutes after which one is given up.
const SECONDS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 120.0];

/// Why metrics cannot be collected.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be collected in this process")]
pub struct ExporterError(#[source] BuildError);

/// Collects what the process counts with the `metrics` macros.
#[derive(Clone, Debug)]
pub struct Exporter(PrometheusHandle);

impl Exporter {
    /// Becomes the recorder of this process.
    ///
    /// # Errors
    /// The process has a recorder already.
    pub fn install() -> Result<Self, ExporterError> {
        let matcher = metrics_exporter_prometheus::Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(matcher, &SECONDS)
            .map_err(ExporterError)?;
        builder.install_recorder().map(Self).map_err(ExporterError)
    }

    /// All that was counted, as text.
    #[must_use]
    pub fn render(&self) -> String {
        // Histograms keep their samples until somebody takes them over; doing it at each end keeps memory bounded by the scrapes.
        self.0.run_upkeep();
        self.0.render()
    }

    /// Takes over the samples of histograms; to be called now and then where nobody scrapes.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}
