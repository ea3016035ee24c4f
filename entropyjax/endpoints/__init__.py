"""Chat models behind OpenAI-compatible endpoints, with a log of every request and reply."""

from entropyjax.endpoints.client import OpenAIChat as OpenAIChat
from entropyjax.endpoints.endpoint import Endpoint as Endpoint
from entropyjax.endpoints.errors import EndpointError as EndpointError
from entropyjax.endpoints.log import LogWarning as LogWarning, ReplyLog as ReplyLog
from entropyjax.endpoints.recorded import Recorded as Recorded
