"""Sentences (ours) with what they say of the observations: '+' positive, '-' negative, '?' uncertain.

Abbreviations: Eff Pleural Effusion, Ptx Pneumothorax, Atel Atelectasis, Pna Pneumonia, Cons Consolidation, Card
Cardiomegaly, Med Enlarged Cardiomediastinum, Opac Lung Opacity, Les Lung Lesion, Ed Edema, Pl Pleural Other, Fx
Fracture, Dev Support Devices, NF No Finding.
"""

NAMES = {
    "Eff": "Pleural Effusion",
    "Ptx": "Pneumothorax",
    "Atel": "Atelectasis",
    "Pna": "Pneumonia",
    "Cons": "Consolidation",
    "Card": "Cardiomegaly",
    "Med": "Enlarged Cardiomediastinum",
    "Opac": "Lung Opacity",
    "Les": "Lung Lesion",
    "Ed": "Edema",
    "Pl": "Pleural Other",
    "Fx": "Fracture",
    "Dev": "Support Devices",
    "NF": "No Finding",
}
VERDICTS = {"+": "positive", "-": "negative", "?": "uncertain"}

TABLE = """
# plain mentions
There is a small left pleural effusion. | Eff+
Moderate cardiomegaly. | Card+
Right apical pneumothorax measuring 2.5 cm. | Ptx+
Bibasilar atelectasis is seen. | Atel+
Findings are consistent with pneumonia. | Pna+
Dense consolidation of the right lower lobe. | Cons+
Mild interstitial edema. | Ed+
A 9 mm nodule projects over the left upper lobe. | Les+
Patchy opacities at both bases. | Opac+
Healing fracture of the left sixth rib. | Fx+
Biapical pleural thickening. | Pl+
A right internal jugular catheter ends in the superior vena cava. | Dev+
The pacemaker leads are in place. | Dev+
Widened mediastinum. | Med+
Hydropneumothorax on the left. | Ptx+ Eff+
Opacity in the lingula likely reflects atelectasis. | Opac+ Atel+
# denials
No pneumothorax. | Ptx-
No evidence of focal consolidation. | Cons-
There is no pleural effusion or pneumothorax. | Eff- Ptx-
No consolidation, effusion, or pneumothorax. | Cons- Eff- Ptx-
No focal consolidation, large pleural effusion, or pneumothorax is identified. | Cons- Eff- Ptx-
Neither effusion nor pneumothorax is seen. | Eff- Ptx-
The lungs are clear without infiltrate or edema. | Opac- Ed-
The lungs are free of consolidation. | Cons-
Lungs are clear of nodules. | Les-
Negative for fracture. | Fx-
Absence of pleural fluid. | Eff-
Pneumothorax is not seen. | Ptx-
A pneumothorax isn't identified. | Ptx-
Rib fracture and atelectasis are not seen. | Fx- Atel-
Pneumothorax: none. | Ptx-
Effusion and edema absent. | Eff- Ed-
This is not pneumonia. | Pna-
Scarring rather than pneumonia. | Opac+ Pna-
No opacity to suggest pneumonia. | Opac- Pna-
No findings suspicious for malignancy. | Les-
No definite pneumothorax. | Ptx-
Pneumonia has been excluded. | Pna-
The film fails to show a fracture. | Fx-
# resolved, removed, no longer
The left effusion has resolved. | Eff-
Previously seen pneumothorax is no longer visualized. | Ptx-
Resolved pulmonary edema. | Ed-
Interval resolution of the right pneumothorax. | Ptx-
The edema has cleared. | Ed-
The chest tube has been removed. | Dev-
Interval removal of the endotracheal tube. | Dev-
Prior consolidation is no longer present. | Cons-
The effusion has nearly resolved. | Eff+
The pneumonia has not resolved. | Pna+
Resolving pneumonia. | Pna+
A left pneumothorax, not seen previously. | Ptx+
# no negation, though it looks like one
No change in the right effusion. | Eff+
Unchanged cardiomegaly. | Card+
No significant interval change in bibasilar atelectasis. | Atel+
The effusion has not changed. | Eff+
No increase in the effusion. | Eff+
No worsening of the edema. | Ed+
Not only atelectasis but also consolidation. | Atel+ Cons+
No improvement in the consolidation. | Cons+
# no new
No new opacity. | Opac?
There is no new consolidation. | Cons?
# where a denial ends
No pneumothorax, but mild cardiomegaly. | Ptx- Card+
There is no pneumothorax and there is a small effusion. | Ptx- Eff+
No effusion; stable cardiomegaly. | Eff- Card+
No effusion, mild bibasilar atelectasis. | Eff- Atel+
No pneumothorax is seen and a nodule is noted. | Ptx- Les+
Cardiomegaly without edema. | Card+ Ed-
Atelectasis with no effusion. | Atel+ Eff-
No acute disease other than atelectasis. | Atel+
No consolidation; however, there is edema. | Cons- Ed+
No effusion although there is pleural thickening. | Eff- Pl+
No evidence of fracture with a small pneumothorax. | Fx- Ptx+
No pneumothorax following removal of the chest tube. | Ptx- Dev-
No density with air bronchograms or effusion. | Cons- Opac- Eff-
The effusion is unchanged and the pneumothorax has resolved. | Eff+ Ptx-
No 3.5 cm mass. | Les-
No X-ray evidence of pneumonia, e.g. consolidation. | Pna- Cons-
The heart is not enlarged and edema is seen. | Card- Ed+
No pneumothorax after placement of a chest tube. | Ptx- Dev+
Pneumothorax: no. | Ptx-
# doubt
Possible pneumonia. | Pna?
Pneumonia cannot be excluded. | Pna?
Cannot exclude a small effusion. | Eff?
Can't exclude pneumothorax. | Ptx?
Pneumonia is not excluded. | Pna?
Opacity may represent pneumonia. | Opac+ Pna?
Opacity, atelectasis versus pneumonia. | Opac+ Atel? Pna?
Atelectasis or infiltrate at the left base. | Atel? Opac?
Atelectasis and/or pneumonia. | Atel? Pna?
Suspicious for malignancy. | Les?
Findings concerning for infection. | Pna?
Questionable nodule. | Les?
A rib fracture is suspected. | Fx?
Effusion is possible. | Eff?
?Pneumonia. | Pna?
Probable atelectasis. | Atel?
Small effusion might be present. | Eff?
Suggestive of edema. | Ed?
Pneumonia is less likely. | Pna?
It is difficult to exclude a small pneumothorax. | Ptx?
Consider pneumonia in the differential. | Pna+
Possible atelectasis without effusion. | Atel? Eff-
Please correlate clinically for pneumonia. | Pna?
Recommend CT to exclude an underlying mass. | Les?
No effusion, possible atelectasis. | Eff- Atel?
Although there is no consolidation, early pneumonia cannot be ruled out. | Cons- Pna?
# the heart and the mediastinum
Heart size is normal. | Card-
The heart is not enlarged. | Card-
The heart is mildly enlarged. | Card+
Enlarged cardiac silhouette. | Card+
Borderline heart size. | Card?
Borderline cardiomegaly. | Card?
The heart is borderline enlarged. | Card?
Heart size is at the upper limits of normal. | Card-
Heart size is unchanged. |
The heart and mediastinum are normal. | Card- Med-
The heart, mediastinum and lungs are unremarkable. | Card- Med-
Normal heart size and mediastinal contours. | Card- Med-
Cardiomediastinal silhouette is within normal limits. | Card- Med-
The cardiomediastinal silhouette is enlarged. | Card+ Med+
The heart is normal in size and the aorta is enlarged. | Card-
The lungs are clear and the heart is enlarged. | Card+
The heart may be enlarged. | Card?
No cardiomegaly. | Card-
The mediastinum is widened. | Med+
The heart is upper limits of normal to borderline enlarged. | Card?
Heart size is normal with a small effusion. | Card- Eff+
The right heart border is obscured. |
# weak mentions, as CheXpert has them
Blunting of the left costophrenic angle. | Eff?
The costophrenic angles are blunted. | Eff?
The costophrenic angles are sharp. | Eff-
Mild pulmonary vascular congestion. | Ed?
No vascular congestion. | Ed-
Pulmonary vascularity is normal. | Ed-
Congestive heart failure. | Ed+
# what looks like an observation and is none
Pericardial effusion. |
Right shoulder joint effusion. |
Plate-like atelectasis. | Atel+
Mitral valve calcification. |
The trachea is midline. |
Mass effect on the trachea. |
History of pneumonia. |
Evaluate for pneumothorax. |
Rule out pneumonia. |
If there is concern for fracture, consider rib series. |
Please note that fractures may not be demonstrated. |
The paratracheal line is normal. |
Nipple shadow. |
Fractured screw in the clavicle. | Dev+
Surgical clips in the right axilla. |
The lungs are clear. |
The ribs are intact. |
Degenerative changes of the spine. |
# no finding in so many words
No acute cardiopulmonary abnormality. | NF+
Normal chest radiograph. | NF+
No acute disease, but a small nodule. | Les+
No active disease. | NF+
"""


def cases() -> list[tuple[str, dict[str, str]]]:
    """Each sentence and what it says, by the observations' names."""
    out = []
    for line in TABLE.strip().splitlines():
        if not line.startswith("#"):
            sentence, said = line.split(" |")
            out.append((sentence, {NAMES[word[:-1]]: VERDICTS[word[-1]] for word in said.split()}))
    return out
