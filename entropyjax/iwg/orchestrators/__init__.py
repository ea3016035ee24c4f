"""Orchestrators under test: scripted, simulated, and chat models."""

from entropyjax.iwg.orchestrator import Maker as Maker, Orchestrator as Orchestrator, View as View
from entropyjax.iwg.orchestrators.chat import ChatOrchestrator as ChatOrchestrator, ChatSettings as ChatSettings
from entropyjax.iwg.orchestrators.scripted import SCRIPTED as SCRIPTED, scripted as scripted
from entropyjax.iwg.orchestrators.simulated import simulate as simulate
