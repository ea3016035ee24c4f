"""Populations: distributions from which each replicate draws a parameter."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

FROZEN = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class Normal(BaseModel):
    """Normal distribution, truncated to the parameter's support when it is drawn."""

    model_config = FROZEN
    distribution: Literal["normal"] = "normal"
    mean: float = Field(description="Mean before truncation.")
    sd: float = Field(gt=0.0, description="Standard deviation before truncation.")

    def anchors(self) -> dict[str, Any]:
        """Return, by name, the values that the parameter's support must contain."""
        return {"mean": self.mean}


class LogNormal(BaseModel):
    """Log-normal distribution: its logarithm is normal about ln(median)."""

    model_config = FROZEN
    distribution: Literal["lognormal"] = "lognormal"
    median: float = Field(gt=0.0, description="Median.")
    sigma: float = Field(gt=0.0, description="Standard deviation of the logarithm.")

    def anchors(self) -> dict[str, Any]:
        """Return, by name, the values that the parameter's support must contain."""
        return {"median": self.median}


class Uniform(BaseModel):
    """Uniform distribution on an interval inside the parameter's support."""

    model_config = FROZEN
    distribution: Literal["uniform"] = "uniform"
    low: float = Field(description="Lower end.")
    high: float = Field(description="Upper end, above the lower one.")

    def anchors(self) -> dict[str, Any]:
        """Return, by name, the values that the parameter's support must contain."""
        return {"low": self.low, "high": self.high}


class Samples(BaseModel):
    """Empirical distribution: one of the values, each as likely as the others; of the same row where `rows` is."""

    model_config = FROZEN
    distribution: Literal["samples"] = "samples"
    values: tuple[float, ...] = Field(min_length=1, description="Measured values.")
    rows: str | None = Field(None, min_length=1, description="Name that parameters share whose values go together.")

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Sweeps from before there were rows keep their identity.
        return {key: value for key, value in handler(self).items() if value is not None}

    def anchors(self) -> dict[str, Any]:
        """Return, by name, the values that the parameter's support must contain."""
        return {"values": self.values}


Distribution = Annotated[Normal | LogNormal | Uniform | Samples, Field(discriminator="distribution")]
