"""The saga: reserve the goods, charge the card, ship, tell the customer.

Until the parcel is handed over everything can be undone: the money is refunded,
the units go back. An address that cannot be reached is refused by `ship` itself:
a pivot may reject. Behind it there is only forward.
"""

from examples.order.order import Order
from saga import Definition, Retry

order = Definition("order", version=1, input=Order, deadline="2m")
held = order.step("inventory.reserve")
paid = order.step("payments.charge", after=held, retry=Retry(attempts=5), timeout="1s")
sent = order.step("shipping.ship", after=paid, pivot=True)
told = order.step("notifications.confirm", after=sent, retriable=True)
order.returns(sent.output)
