"""How S3 is reached. Credentials never stand here: boto3 finds them in its own environment variables."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from components.base.settings.section import Section

# boto3's own variables for it; the first goes before the second.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


class S3Settings(Section):
    """For every s3:// reference of the config.

    `endpoint` and `region` empty leave it to the environment (AWS_ENDPOINT_URL_S3, AWS_DEFAULT_REGION). `ca_bundle` is
    a PEM file with the certificates to trust, relative to the config file. `checksums` is botocore's mode for the
    checksums of requests and answers; when_required is for servers that do not know the newer ones.
    """

    endpoint: str = ""
    region: str = ""
    ca_bundle: str = ""
    checksums: Literal["when_supported", "when_required"] = "when_supported"

    @model_validator(mode="after")
    def endpoint_is_of_the_web(self) -> Self:
        self.must_be_of_the_web("endpoint", credentials="boto3's own are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        return self
