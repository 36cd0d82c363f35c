"""What someone must know: rules that raise and lift warnings, their identifiers, their words, and what people do with them."""
