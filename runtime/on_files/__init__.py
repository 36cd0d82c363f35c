"""The models on plain files: the same deciders as in the live services, without a database or a broker."""
