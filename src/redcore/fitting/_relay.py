"""Callbacks of networks that train at the same time: the callbacks of the fit see one network after the other."""

from collections.abc import Mapping, Sequence
from typing import Any

from redcore.fitting._context import Callback

__all__ = ["Relay"]


class Relay:
    """Events of several fits, passed to the same callbacks in the order of the networks.

    The events of the first network are passed on at once. Those of the others are stored until the networks before
    them have ended.

    Parameters
    ----------
    callbacks : sequence of Callback
    n_networks : int

    Attributes
    ----------
    channels : list of Callback
        Callbacks of the networks, one for each.
    should_stop : bool
        True if a callback has asked to stop.
    """

    def __init__(self, callbacks: Sequence[Callback], n_networks: int) -> None:
        self.callbacks, self.should_stop = callbacks, False
        self.channels: list[_Channel] = [_Channel(self) for _ in range(n_networks)]
        self.channels[0].is_open = True

    def end(self, network: int) -> None:
        """Report that a network has ended, and pass on the stored events of the networks that follow."""
        self.channels[network].has_ended = True
        for channel, following in zip(self.channels, self.channels[1:], strict=False):
            if channel.is_open and channel.has_ended:
                following.open()

    def end_all(self) -> None:
        """Pass on all stored events."""
        for network in range(len(self.channels)):
            self.end(network)

    def pass_on(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Call a function of all callbacks."""
        for callback in self.callbacks:
            if event != "on_weights" or callback.watches_weights:
                getattr(callback, event)(*arguments)

    def ask(self) -> bool:
        """Ask the callbacks if the fit should stop; return True if one has asked for it now or before."""
        self.should_stop |= any(callback.should_stop() for callback in self.callbacks)
        return self.should_stop


class _Channel(Callback):
    """Callback of one network: it passes its events on, or stores them until it is opened."""

    def __init__(self, relay: Relay) -> None:
        self.relay, self.is_open, self.has_ended = relay, False, False
        self.watches_gradients = any(callback.watches_gradients for callback in relay.callbacks)
        self.watches_weights = any(callback.watches_weights for callback in relay.callbacks)
        self._stored: list[tuple[str, tuple[Any, ...]]] = []

    def open(self) -> None:
        self.is_open, stored, self._stored = True, self._stored, []
        for event, arguments in stored:
            self.relay.pass_on(event, arguments)
            self.relay.ask()

    def _handle(self, event: str, *arguments: Any) -> None:
        if self.is_open:
            self.relay.pass_on(event, arguments)
        else:
            self._stored.append((event, arguments))

    def on_start(self, n_steps: int, first_step: int) -> None:
        self._handle("on_start", n_steps, first_step)

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        self._handle("on_step", step, values)

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        self._handle("on_epoch", epoch, values)

    def on_weights(self, epoch: int, weights: Mapping[str, Any]) -> None:
        self._handle("on_weights", epoch, weights)
