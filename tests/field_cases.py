"""Cases from the field, kind by kind: `python tests/field_cases.py` tries all examples of each, and prints a table.

Kinds of faults that people met who do this job, each with the tests whose examples are of this kind. An example is
right if it ends as its test says: used, rejected or refused with the words that help.
"""

import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KINDS = {
    "a file of the survey that is gone": [
        "test_workflow.py::test_a_file_of_the_survey_that_has_gone_is_named_when_nothing_is_left_to_do",
        "test_check.py::test_files_that_are_not_there_yet",
        "test_check.py::test_columns_are_looked_for_before_the_images_are_there",
    ],
    "what is listed twice counts twice": [
        "test_questions.py::test_answers_that_count_others_once_more_are_refused",
        "test_questions.py::test_rare_answers_that_are_nearly_always_zero_are_no_copies",
    ],
    "two columns of one name": ["test_columns.py::test_two_columns_of_one_name_are_refused"],
    "ids that lost digits": [
        "test_columns.py::test_ids_that_went_through_floating_point_are_refused",
        "test_columns.py::test_ids_that_a_spreadsheet_rounded_are_refused",
        "test_columns.py::test_floating_point_ids_are_refused",
        "test_columns.py::test_other_ids_are_exact",
    ],
    "images that hold nothing, or of another range": [
        "test_decoding.py::test_constant_images_are_no_images",
        "test_decoding.py::test_the_range_of_16_bit_images_is_found_in_the_survey",
        "test_decoding.py::test_an_image_brighter_than_the_sample_is_not_used",
        "test_decoding.py::test_16_bit_colour_is_used_only_where_its_upper_8_bits_are_the_image",
    ],
    "one image under several ids": [
        "test_catalogue.py::test_an_image_of_several_galaxies_is_that_of_none",
        "test_images.py::test_copies_of_an_image_are_rejected_all_of_them",
    ],
    "links among folders": [
        "test_image_files.py::test_links_between_folders_give_each_image_once",
        "test_image_files.py::test_links_that_go_round_end",
        "test_image_files.py::test_links_out_of_the_folder_to_one_above_are_not_followed",
        "test_image_files.py::test_folders_and_images_elsewhere_are_followed",
    ],
    "no rows left": [
        "test_catalogue.py::test_where_nothing_is_left_the_reasons_are_counted",
        "test_catalogue.py::test_no_usable_galaxy",
        "test_questions.py::test_no_usable_galaxy",
    ],
    "file names that are no text": ["test_catalogue.py::test_file_names_that_are_no_text"],
    "tables known by their content": [
        "test_table_files.py::test_the_content_tells_the_kind_and_the_name_does_not",
        "test_table_files.py::test_encodings_are_found_out_and_said",
        "test_table_files.py::test_other_separators",
        "test_table_files.py::test_what_is_no_table_is_named",
    ],
    "line breaks inside cells": [
        "test_columns.py::test_cells_may_hold_many_lines",
        "test_table_files.py::test_line_breaks_and_separators_inside_cells",
    ],
    "what YAML takes for something else": [
        "test_configuration.py::test_values_have_the_types_that_they_mean",
        "test_configuration.py::test_names_are_text",
        "test_configuration.py::test_names_of_columns_are_text",
        "test_configuration.py::test_nothing_is_no_column",
        "test_configuration.py::test_a_key_that_stands_twice_is_refused",
    ],
    "text on the command line": [
        "test_configuration.py::test_text_from_the_command_line_is_read_as_the_type_that_is_asked_for",
        "test_configuration.py::test_what_the_command_line_says_counts_not_what_the_file_does",
    ],
    "the user's own modules in the working folder": [
        "test_workflow.py::test_a_run_ends_with_its_answer_and_shows_its_progress"
    ],
    "filename maps with suffixes and paths": [
        "test_catalogue.py::test_names_may_have_suffixes_and_paths",
        "test_catalogue.py::test_folders_tell_images_of_one_name_apart",
    ],
    "~ and braces in paths": ["test_configuration.py::test_paths_start_at_home_and_have_no_braces"],
    "an empty cell means no vote": ["test_questions.py::test_an_empty_cell_is_no_vote_where_the_configuration_says_so"],
    "blanks and zero bytes around text": [
        "test_columns.py::test_what_stands_around_text_is_left_out",
        "test_columns.py::test_zero_bytes_around_text_are_left_out",
    ],
    "a path of temporary files too long": ["test_forkserver.py::test_a_long_path_of_temporary_files_is_no_hindrance"],
    "hidden files and folders": ["test_image_files.py::test_hidden_files_and_folders_are_passed_over"],
    "features from a row of another sample": ["test_columns.py::test_features_are_those_of_the_row_that_counts"],
    "classes in other spellings": ["test_experts.py::test_classes_are_known_in_any_spelling"],
    "truth values in other spellings": ["test_catalogue.py::test_truth_values_are_one_sample_in_any_spelling"],
    "fractions in place of counts": [
        "test_vote_fractions.py::test_what_is_no_count_is_a_defect",
        "test_vote_fractions.py::test_counts_come_back_from_their_fractions",
        "test_releases.py::test_a_release_of_the_published_columns_is_read",
    ],
    "hostile names, images and tables": ["test_hostile.py"],
}


class Count:
    """Counts how the examples of each kind end."""

    def __init__(self):
        self.ends = {kind: Counter() for kind in KINDS}

    def pytest_runtest_logreport(self, report):
        if report.when != "call" and not report.failed:
            return
        name = report.nodeid.rpartition("tests/")[2].partition("[")[0]
        for kind, tests in KINDS.items():
            if name in tests or name.partition("::")[0] in tests:
                self.ends[kind][report.outcome] += 1


def main() -> int:
    """Try all examples, print the table, and return the status of pytest."""
    count = Count()
    tests = [str(HERE / test) for tests in KINDS.values() for test in tests]
    status = pytest.main(["-q", "-p", "no:cacheprovider", *tests, *sys.argv[1:]], plugins=[count])
    print("\n| kind | tried | right | wrong |\n|---|---|---|---|")
    total = Counter()
    for kind, ends in count.ends.items():
        total += ends
        print(f"| {kind} | {sum(ends.values())} | {ends['passed']} | {ends['failed']} |")
    print(f"| all | {sum(total.values())} | {total['passed']} | {total['failed']} |")
    return status


if __name__ == "__main__":
    sys.exit(main())
