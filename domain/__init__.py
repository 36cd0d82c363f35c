"""The words of the city: frozen records and enumerations. Imports nothing of ours."""
