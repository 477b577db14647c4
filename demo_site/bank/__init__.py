"""The bank: organisations, their accounts, and the transactions of these."""
