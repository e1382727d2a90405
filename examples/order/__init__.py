"""The order example: four services, one saga, and a demo that kills some of them."""
