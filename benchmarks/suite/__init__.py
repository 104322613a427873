"""All our benchmarks as one: what each is run on, how, and what the table says of it."""
