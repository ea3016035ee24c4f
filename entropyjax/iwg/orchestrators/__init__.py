"""Orchestrators under test: scripted, simulated, and chat models."""
