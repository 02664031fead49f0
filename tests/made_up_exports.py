"""For tests: classification exports, in cells as Zooniverse writes them."""

import csv
import json

HEADER = [
    "classification_id",
    "user_name",
    "user_id",
    "user_ip",
    "workflow_id",
    "workflow_name",
    "workflow_version",
    "created_at",
    "gold_standard",
    "expert",
    "metadata",
    "annotations",
    "subject_data",
    "subject_ids",
]


def row(value="Smooth", task="T0", **changes):
    """A classification, in cells as Zooniverse writes them."""
    cells = {
        "classification_id": "7",
        "user_name": "ann",
        "user_id": "12",
        "workflow_id": "5",
        "workflow_version": "3.1",
        "created_at": "2026-02-20 10:44:42 UTC",
        "metadata": json.dumps({"subject_selection_state": {"already_seen": False}}),
        "annotations": json.dumps([{"task": task, "task_label": "?", "value": value}]),
        "subject_data": json.dumps({"101": {"retired": None, "!galaxy_id": "g1"}}),
        "subject_ids": "101",
    }
    return dict.fromkeys(HEADER, "") | cells | changes


def write(path, *rows, mark="", delimiter=","):
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(mark)
        writer = csv.DictWriter(file, HEADER, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_subjects(path, *subjects):
    """A subject export, of pairs of a number and metadata."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["subject_id", "project_id", "workflow_id", "subject_set_id", "metadata", "locations"])
        writer.writerows([number, "1", "5", "9", json.dumps(metadata), "{}"] for number, metadata in subjects)
    return path
