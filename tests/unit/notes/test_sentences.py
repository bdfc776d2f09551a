"""What single sentences state: traps of negation, doubt, time and person."""

import pytest

from tumorcast_notes.model import Document, encode_notes

P, A, U = "affirmed", "negated", "uncertain"

SENTENCES = [
    # plain statements, as the simulator and clinics write them
    ("He reports unintended weight loss of 6 kg over the last two months.", {"weight_loss": [P]}),
    ("Weight loss of 6 kg since diagnosis.", {"weight_loss": [P]}),
    ("He has lost 6 kg without trying.", {"weight_loss": [P]}),
    ("She lost weight.", {"weight_loss": [P]}),
    ("Her weight has decreased by 4 kg.", {"weight_loss": [P]}),
    ("Moderate ascites on ultrasound.", {"ascites": [P]}),
    ("The abdomen is distended with ascites.", {"ascites": [P]}),
    ("New ascites since the last visit.", {"ascites": [P]}),
    ("There is free fluid in the abdomen.", {"ascites": [P]}),
    ("He complains of right upper quadrant pain.", {"pain": [P]}),
    ("Pain needs daily opioids.", {"pain": [P]}),
    ("Persistent epigastric pain.", {"pain": [P]}),
    ("Pain 6/10.", {"pain": [P]}),
    ("Pain 10/10 at night.", {"pain": [P]}),
    # plain denials
    ("Denies weight loss.", {"weight_loss": [A]}),
    ("Weight is stable, no weight loss.", {"weight_loss": [A, A]}),
    ("He has not lost weight.", {"weight_loss": [A]}),
    ("No ascites.", {"ascites": [A]}),
    ("The abdomen is soft, without ascites.", {"ascites": [A]}),
    ("There is no evidence of ascites.", {"ascites": [A]}),
    ("Denies pain.", {"pain": [A]}),
    ("He is free of pain.", {"pain": [A]}),
    ("No pain at present.", {"pain": [A]}),
    ("Pain-free.", {"pain": [A]}),
    ("Painless jaundice.", {"pain": [A]}),
    ("Pain score 0/10.", {"pain": [A]}),
    ("Pain: 0/10", {"pain": [A]}),
    ("She doesn't have any pain.", {"pain": [A]}),
    ("He does not report pain.", {"pain": [A]}),
    ("He has not had any pain.", {"pain": [A]}),
    ("Negative for ascites.", {"ascites": [A]}),
    ("Neither ascites nor pain.", {"ascites": [A], "pain": [A]}),
    ("He never had pain.", {"pain": [A]}),
    # lists and the ends of a negation's reach
    ("Denies weight loss, pain or ascites.", {"weight_loss": [A], "pain": [A], "ascites": [A]}),
    ("No fever, chills, nausea, vomiting, diarrhea, cough, or pain.", {"pain": [A]}),
    ("No pain but weight loss.", {"pain": [A], "weight_loss": [P]}),
    ("No pain; however, weight loss.", {"pain": [A], "weight_loss": [P]}),
    ("No acute distress, reports pain.", {"pain": [P]}),
    ("Denies fever and complains of pain.", {"pain": [P]}),
    ("No fever but has pain.", {"pain": [P]}),
    ("No complaints except pain.", {"pain": [P]}),
    ("Weight loss, no pain.", {"weight_loss": [P], "pain": [A]}),
    ("Weight loss without pain.", {"weight_loss": [P], "pain": [A]}),
    ("No jaundice. Ascites present.", {"ascites": [P]}),
    ("Weight loss: no, pain: yes", {"weight_loss": [A], "pain": [P]}),
    # denials that stand behind
    ("Ascites: none", {"ascites": [A]}),
    ("Ascites was not seen.", {"ascites": [A]}),
    ("Ascites is absent.", {"ascites": [A]}),
    ("Pain denied.", {"pain": [A]}),
    ("Ascites has resolved.", {"ascites": [A]}),
    ("The ascites, which was large, has now completely resolved.", {"ascites": [A]}),
    ("Weight loss and ascites have resolved.", {"weight_loss": [A], "ascites": [A]}),
    ("Resolved ascites.", {"ascites": [A]}),
    ("Pain persists, ascites has resolved.", {"pain": [P], "ascites": [A]}),
    ("Ascites is no longer present.", {"ascites": [A]}),
    ("He no longer has pain.", {"pain": [A]}),
    # doubt
    ("Ascites cannot be excluded.", {"ascites": [U]}),
    ("Cannot exclude ascites.", {"ascites": [U]}),
    ("Ascites is not ruled out.", {"ascites": [U]}),
    ("Possible ascites.", {"ascites": [U]}),
    ("Suspicious for ascites.", {"ascites": [U]}),
    ("?ascites", {"ascites": [U]}),
    ("Ascites?", {"ascites": [U]}),
    ("Ultrasound to rule out ascites.", {"ascites": [U]}),
    ("Call if you have pain.", {"pain": [U]}),
    ("Morphine as needed for pain.", {"pain": [U]}),
    ("Possible fracture, no pain.", {"pain": [A]}),
    ("No pain, possible ascites.", {"pain": [A], "ascites": [U]}),
    # what only looks like a negation
    ("No change in ascites.", {"ascites": [P]}),
    ("Not only pain, also ascites.", {"pain": [P], "ascites": [P]}),
    ("He does not deny pain.", {"pain": [P]}),
    ("Pain has not resolved.", {"pain": [P]}),
    ("No significant relief of pain.", {"pain": [P]}),
    ("He is not pain-free.", {"pain": [P]}),
    ("No suspicion of ascites.", {"ascites": [A]}),
    # somebody else, some other time
    ("His mother had breast cancer and weight loss in her last year.", {}),
    ("Family history of ascites.", {}),
    ("His wife reports that he has pain.", {"pain": [P]}),
    ("Lives with his wife and has pain.", {"pain": [P]}),
    ("History of ascites in 2019.", {}),
    ("A three-month history of weight loss.", {"weight_loss": [P]}),
    ("No history of ascites.", {"ascites": [A]}),
    ("He had pain five years ago.", {}),
    # other things with the same words
    ("Referred to the pain clinic.", {}),
    ("Intentional weight loss of 5 kg.", {}),
    ("Unintentional weight loss of 5 kg.", {"weight_loss": [P]}),
    ("He took paint off the wall.", {}),
    ("Painkillers were refilled.", {}),
    ("WEIGHT LOSS noted", {"weight_loss": [P]}),
    # found by reading more of it
    ("FINDINGS: No pleural effusion.", {}),
    ("FINDINGS: No pleural effusion. Trace ascites.", {"ascites": [P]}),
    ("No pleural effusion or ascites is seen.", {"ascites": [A]}),
    ("Ascites: resolved.", {"ascites": [A]}),
    ("Ascites may be present.", {"ascites": [U]}),
    ("It is unlikely that this is ascites.", {"ascites": [U]}),
    ("[ ] ascites [x] pain", {"ascites": [A], "pain": [P]}),
    ("Ascites has not recurred.", {"ascites": [A]}),
    ("No known ascites.", {"ascites": [A]}),
    ("Ascites excluded.", {"ascites": [A]}),
    ("No pain meds needed.", {}),
    ("Denies\nweight loss.", {"weight_loss": [A]}),
    ("- Pain: denies\n- Ascites: yes", {"pain": [A], "ascites": [P]}),
    ("There is no ascites, however the pain has increased.", {"ascites": [A], "pain": [P]}),
    ("Her father died of liver cancer; she has ascites.", {"ascites": [P]}),
    ("Ascites was drained and is no longer visible.", {"ascites": [A]}),
    ("İĞ: kein Befund. Pain.", {"pain": [P]}),
]


@pytest.mark.parametrize(("sentence", "expected"), SENTENCES, ids=[sentence for sentence, _ in SENTENCES])
def test_a_sentence_states_what_a_reader_reads_in_it(sentence, expected):
    stated: dict[str, list[str]] = {}
    for finding in encode_notes([Document(content=sentence.encode())]).findings:
        stated.setdefault(finding.name, []).append(finding.assertion.value)
    assert stated == expected
