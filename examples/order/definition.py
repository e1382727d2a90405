"""The saga: reserve the goods, charge the card, ship, notify the customer.

Until the parcel is shipped everything can be undone: the money is refunded, the units go back to the stock.
`ship` is the pivot. It may reject an address that cannot be reached; once it has succeeded, the saga only
goes forward.
"""

from examples.order.order import Order
from saga import Definition, Retry

order = Definition("order", version=1, input=Order, deadline="2m")
reserved = order.step("inventory.reserve")
charged = order.step("payments.charge", after=reserved, retry=Retry(attempts=5), timeout="1s")
shipped = order.step("shipping.ship", after=charged, pivot=True)
confirmed = order.step("notifications.confirm", after=shipped, retriable=True)
order.returns(shipped.output)
