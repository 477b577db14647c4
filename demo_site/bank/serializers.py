"""How the bank's rows look as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from demo_site.bank.models import Account, Branch, Category, Department, Merchant, Transaction, User


class DepartmentSerializer(serializers.ModelSerializer[Department]):
    """A department by its name."""

    class Meta:
        model = Department
        fields = ["id", "name"]


class UserSerializer(serializers.ModelSerializer[User]):
    """A person with the department nested in it."""

    name = serializers.CharField(source="get_full_name")
    department = DepartmentSerializer()

    class Meta:
        model = User
        fields = ["id", "name", "email", "department"]


class BranchSerializer(serializers.ModelSerializer[Branch]):
    """A branch with its city."""

    class Meta:
        model = Branch
        fields = ["id", "name", "city"]


class CategorySerializer(serializers.ModelSerializer[Category]):
    """A category by its name."""

    class Meta:
        model = Category
        fields = ["id", "name"]


class MerchantSerializer(serializers.ModelSerializer[Merchant]):
    """A merchant by its name."""

    class Meta:
        model = Merchant
        fields = ["id", "name"]


class TransactionSerializer(serializers.ModelSerializer[Transaction]):
    """A transaction with its category and merchant nested in it."""

    category = CategorySerializer()
    merchant = MerchantSerializer()

    class Meta:
        model = Transaction
        fields = ["id", "created", "amount", "text", "category", "merchant"]


class AccountSerializer(serializers.ModelSerializer[Account]):
    """An account with its owner, its branch and its five latest transactions."""

    owner = UserSerializer()
    branch = BranchSerializer()
    transactions = serializers.SerializerMethodField()

    class Meta:
        model = Account
        fields = ["id", "number", "name", "balance", "owner", "branch", "transactions"]

    def get_transactions(self, account: Account) -> Any:
        """Show the five latest transactions, the newest first."""
        latest = account.transactions.order_by("-created")[:5]
        return TransactionSerializer(latest, many=True).data


class HandWrittenAccountSerializer(AccountSerializer):
    """The second half of the hand-written fix: read what its ``Prefetch(..., to_attr=...)`` left."""

    def get_transactions(self, account: Account) -> Any:
        """Show the transactions that the view's queryset already loaded."""
        return TransactionSerializer(account.latest_transactions, many=True).data  # type: ignore[attr-defined]
