"""Forms: `ModelChoiceField`, `ModelMultipleChoiceField`, model formsets."""

import copy

import pytest
from django import forms
from django.forms import modelformset_factory

from tests.library.models import Author, Book, Branch
from tests.proxy.comparing import assert_same
from tests.proxy.conftest import sqlite_only

pytestmark = [pytest.mark.usefixtures("library"), sqlite_only]


class Streets(forms.ModelChoiceField):
    def label_from_instance(self, branch):
        return f"{branch.name}, {branch.street.name}"


def form_with(field):
    return type("Form", (forms.Form,), {"found": field})


@pytest.mark.parametrize("kind", [forms.ModelChoiceField, forms.ModelMultipleChoiceField])
@pytest.mark.parametrize("widget", [None, forms.RadioSelect, forms.CheckboxSelectMultiple])
def test_choices_show_the_same_labels(kind, widget):
    """The labels reach a relation in `__str__`; the choices are streamed row by row, and warm take one query."""

    def view(wrap):
        field = kind(wrap(Book.objects.all()), widget=widget)
        return [
            (str(value), label) for value, label in form_with(field)().fields["found"].choices
        ], field.choices.__class__

    assert_same(view, cold=2, warm=1)


def test_the_rendered_form_is_the_same():
    """A form renders its choices as ever."""
    assert_same(lambda wrap: form_with(forms.ModelChoiceField(wrap(Book.objects.all())))().as_p(), cold=2, warm=1)


def test_choices_without_an_ordering_are_batched():
    """Choices are streamed without a chunk size: where a join is not permitted, the first touch is for all."""

    def view(wrap):
        return [label for _, label in form_with(Streets(wrap(Branch.objects.all())))().fields["found"].choices]

    assert_same(view, cold=2, warm=2)


@pytest.mark.parametrize("given", ["first", "", "0", "x", None])
@pytest.mark.parametrize("required", [True, False])
def test_a_choice_is_cleaned_as_in_django(given, required):
    """The instance, or the error."""

    def view(wrap):
        value = str(Book.objects.first().pk) if given == "first" else given
        form = form_with(forms.ModelChoiceField(wrap(Book.objects.all()), required=required))({"found": value})
        return form.is_valid(), form.errors.as_json(), str(form.cleaned_data.get("found"))

    plain = assert_same(view, warm=2 if given == "first" else None)
    assert plain.answer


@pytest.mark.parametrize("given", [["first", "last"], ["first", "0"], ["x"], "text", []])
def test_several_choices_are_cleaned_as_in_django(given):
    """The queryset of the chosen rows, or the error; their relations are learned too."""

    def view(wrap):
        keys = {"first": Book.objects.first().pk, "last": Book.objects.last().pk}
        values = [str(keys.get(value, value)) for value in given] if isinstance(given, list) else given
        field = forms.ModelMultipleChoiceField(wrap(Book.objects.all()))
        form = form_with(field)({"found": values})
        return form.is_valid(), form.errors.as_json(), [str(book) for book in form.cleaned_data.get("found", ())]

    assert_same(view, warm=3 if given == ["first", "last"] else None)


def test_a_field_can_be_copied_and_given_another_queryset():
    """Forms deep-copy their fields, and people set `field.queryset` in `__init__`."""

    def view(wrap):
        field = copy.deepcopy(forms.ModelChoiceField(wrap(Book.objects.all())))
        field.queryset = wrap(Author.objects.filter(name="Ada"))
        return [label for _, label in field.choices], field.to_python(str(field.queryset.get().pk)).name

    assert_same(view)


def test_a_model_formset():
    """A formset edits the rows of an automatic queryset."""

    def view(wrap):
        formset = modelformset_factory(Book, fields=["title", "author"], extra=0)(queryset=wrap(Book.objects.long()))
        return [(form.instance.title, form.instance.author.name, form["title"].as_widget()) for form in formset]

    assert_same(view, warm=1)


def test_a_model_formset_saves():
    """What is posted reaches the rows."""

    def view(wrap):
        formset_class = modelformset_factory(Book, fields=["title"], extra=0)
        books = wrap(Book.objects.filter(title__lt="Book 02"))
        data = {"form-TOTAL_FORMS": 2, "form-INITIAL_FORMS": 2}
        for number, book in enumerate(Book.objects.filter(title__lt="Book 02")):
            data |= {f"form-{number}-id": book.pk, f"form-{number}-title": f"New {number}"}
        saved = formset_class(data, queryset=books).save()
        return [book.title for book in saved], list(Book.objects.values_list("title", flat=True)[:3])

    assert_same(view)
