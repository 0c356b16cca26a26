"""Identity association exactly as the official AVTracker does it.

Source: FudanCVL/AVTrack, commit 870bf2a; the numbers of defects (D45, ...) are those of
docs/avtracker_defects.md.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.identity.embedding_identity import FaceIdentity
from avis.avtracker.identity.vlm_identity import VLMIdentity
from avis.avtracker.interfaces import GlobalAnswer, GroundedUtterance, VideoContext
from avis.avtracker.official.replies import parse_reply
from avis.structures.media import ImageArray
from avis.utils.similarity import cosine_similarity


class OfficialVLMIdentity(VLMIdentity):
    """Shows all key frames as they are, and asks once (D45, D50)."""

    default_prompt = 'global_official'

    def group(self, video: VideoContext, utterances: Sequence[GroundedUtterance]) -> GlobalAnswer:
        """See :class:`~avis.avtracker.interfaces.IdentityAssociation`.

        Raises:
            ValueError: A reply that cannot be parsed.
            KeyError: A reply without persons.
        """
        reply = self._ask(video, utterances, attempt=0)
        if reply.error is not None:
            raise reply.error
        parsed = parse_reply(reply.text)
        record = {**self._record(utterances, [reply]), 'parsed': parsed}
        return GlobalAnswer(parsed['persons'], str(parsed['rationale']), record)

    def _images(
        self, video: VideoContext, utterances: Sequence[GroundedUtterance]
    ) -> list[ImageArray]:
        return [video.frames[utterance.key_frame] for utterance in utterances]


class OfficialFaceIdentity(FaceIdentity):
    """Groups all faces of the key frames, and takes their indices for those of windows (D51)."""

    def group(self, video: VideoContext, utterances: Sequence[GroundedUtterance]) -> GlobalAnswer:
        """See :class:`~avis.avtracker.interfaces.IdentityAssociation`."""
        faces = [self.encoder.faces(video.frames[each.key_frame]) for each in utterances]
        found = [face.embedding for each in faces for face in each]
        groups = group_by_first(found, self.min_similarity)
        record = {
            'key_frames': [utterance.key_frame for utterance in utterances],
            'faces': [len(each) for each in faces],
            'groups': {str(number): group for number, group in groups.items()},
        }
        return GlobalAnswer(groups, 'indices in the list of all faces, used as windows', record)


def group_by_first(
    embeddings: Sequence[NDArray[np.float32]], threshold: float
) -> dict[int, list[int]]:
    """Each embedding joins the first group to whose first member it is similar (D52)."""
    groups: dict[int, list[int]] = {}
    for index, embedding in enumerate(embeddings):
        for group in groups.values():
            if cosine_similarity(embeddings[group[0]], embedding) >= threshold:
                group.append(index)
                break
        else:
            groups[len(groups)] = [index]
    return groups
