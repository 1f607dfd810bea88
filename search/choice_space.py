"""The base of a team's own space, under the name by which teams import it."""

from search.spaces._choice_space import ChoiceSpace as ChoiceSpace
