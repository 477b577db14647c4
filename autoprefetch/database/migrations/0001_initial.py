from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="CallSite",
            fields=[
                ("digest", models.CharField(editable=False, max_length=64, primary_key=True, serialize=False)),
                ("key", models.TextField()),
                ("model", models.CharField(max_length=255)),
                ("evaluations", models.PositiveBigIntegerField(default=0)),
                ("history", models.TextField(default="")),
                ("updated", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "call site",
            },
        ),
    ]
